from metaflow import FlowSpec, Parameter, ParameterContext, step, trigger


def get_trigger_config(ctx: ParameterContext) -> dict:
    # Access deploy-time context
    if ctx.user == 'prod-deployer':
        return {
            'name': 'prod-event',
            'parameters': {'env': 'production'}
        }
    else:
        return 'dev-event'


@trigger(event=get_trigger_config)
class AdaptiveFlow(FlowSpec):
    env = Parameter('env', default='development')

    @step
    def start(self):
        print(f"Running in {self.env}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    AdaptiveFlow()
