from metaflow import FlowSpec, step, trigger, current


@trigger(event='data-updated')
class EventProcessor(FlowSpec):
    @step
    def start(self):
        if current.trigger:
            # Event that triggered this run
            event_name = current.trigger.event_name
            # Full event payload
            payload = current.trigger.payload
            # Timestamp
            timestamp = current.trigger.timestamp
            print(f"Triggered by {event_name} at {timestamp}")
            print(f"Payload: {payload}")
        else:
            print("Not triggered by an event (manual run)")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EventProcessor()
