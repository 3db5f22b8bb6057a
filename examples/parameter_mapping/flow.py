from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={
    'name': 'user-signup',
    'parameters': {
        'user_id': 'userId',  # flow_param: event_field
        'email': 'userEmail'
    }
})
class UserOnboarding(FlowSpec):
    user_id = Parameter('user_id', required=True)
    email = Parameter('email', required=True)

    @step
    def start(self):
        print(f"Onboarding user {self.user_id} ({self.email})")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    UserOnboarding()
