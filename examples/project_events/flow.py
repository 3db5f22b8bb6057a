from metaflow import FlowSpec, namespaced_event_name, project, step, trigger


@project(name='ml-platform')
@trigger(event=namespaced_event_name('training-complete'))
class EvaluateModel(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EvaluateModel()
