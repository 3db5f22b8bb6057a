"""Unknown key in an event or flow."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event={'name': 'a', 'filtres': {}})
class Filtres(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'quantity': 1})
class Far(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow={'name': 'F', 'matsch': 'success'})
class OfFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
