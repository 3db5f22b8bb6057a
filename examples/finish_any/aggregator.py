from metaflow import FlowSpec, step, trigger_on_finish


# Run when either FlowA or FlowB finishes
@trigger_on_finish(flows=['FlowA', 'FlowB'])
class Aggregator(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Aggregator()
