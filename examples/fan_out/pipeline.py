from metaflow import FlowSpec, emit_event, step


# Main flow emits events
class MainPipeline(FlowSpec):
    @step
    def start(self):
        # Emit custom event
        emit_event('pipeline-complete', {
            'dataset': 'users',
            'records': 1000
        })
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MainPipeline()
