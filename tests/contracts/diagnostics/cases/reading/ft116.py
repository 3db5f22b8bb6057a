"""Bad filter."""

from metaflow import FlowSpec, step, trigger


@trigger(event={'name': 'a', 'filter': {'x': 'y'}})
class NoListe(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': [{'preffix': 'y'}]}})
class UnknownTest(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': [{'numeric': ['=>', 5]}]}})
class Numeric(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': [{'exists': 'no'}]}})
class Exists(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': [{'numeric': ['>', 5, '<', 1]}]}})
class Range(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': [{'prefix': 'a', 'suffix': 'b'}]}})
class TwoTests(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': [{'anything-but': {'numeric': ['>', 5]}}]}})
class Anything(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': []}})
class EmptyFilter(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'filter': {'x': {}}})
class NoField(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
