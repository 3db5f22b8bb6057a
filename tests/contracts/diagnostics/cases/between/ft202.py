"""No flow emits the event."""

from metaflow import FlowSpec, emit_event, step, trigger



class Emits(FlowSpec):
    @step
    def start(self):
        emit_event("pipeline-complete", {})
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='pipeline-complet')
class Near(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='orders')
class FromElsewhere(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
