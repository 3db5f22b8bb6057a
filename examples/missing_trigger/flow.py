from metaflow import FlowSpec, current, step, trigger


def get_default_data():
    return {'source': 'default'}


@trigger(event='data-ready')
class GracefulFlow(FlowSpec):
    @step
    def start(self):
        if current.trigger:
            data = current.trigger.payload
        else:
            # Handle manual runs
            data = get_default_data()
        self.data = data
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GracefulFlow()
