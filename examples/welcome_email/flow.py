from metaflow import FlowSpec, step, trigger


@trigger(event='user-signup')
class WelcomeEmailFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WelcomeEmailFlow()
