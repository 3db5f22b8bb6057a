"""An event has a form that is not understood."""

from metaflow import FlowSpec, step, trigger


@trigger(event=3)
class Number(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'parameters': {}})
class Nameless(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events='a')
class NoList(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': 'x'})
class FilterText(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'origin': 'aws.s3'})
class OriginText(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
