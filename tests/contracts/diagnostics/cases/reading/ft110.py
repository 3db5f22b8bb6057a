"""A deploy-time callable failed."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event=lambda ctx: 1 / 0)
class Raises(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event=lambda ctx: 7)
class Returns(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': lambda ctx: None})
class NoName(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': lambda ctx: 'x'})
class NoParameters(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=lambda ctx: 'a')
class Several(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=lambda ctx: [])
class Empty(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow=lambda ctx: 7)
class OfFlows(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
