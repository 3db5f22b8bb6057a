from metaflow import FlowSpec, step, trigger


@trigger(event='data-ready')
class ProcessingFlow(FlowSpec):
    @step
    def start(self):
        from metaflow import current
        # Access trigger information
        if current.trigger:
            print(f"Triggered by: {current.trigger.event_name}")
            print(f"Payload: {current.trigger.payload}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProcessingFlow()
