from metaflow import FlowSpec, step, trigger


@trigger(events=['data-updated', 'manual-trigger', 'scheduled-run'])
class ProcessingFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProcessingFlow()
