from metaflow import FlowSpec, step, trigger, project
from metaflow.plugins.namespaced_events import namespaced_event_name


@project(name='ml-platform')
@trigger(event=namespaced_event_name('model-trained'))
class DeployModel(FlowSpec):
    # Event name resolves to: ml-platform.production.model-trained
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DeployModel()
