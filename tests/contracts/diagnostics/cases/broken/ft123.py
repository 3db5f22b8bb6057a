"""Metaflow rejects the flow."""

from metaflow import FlowSpec, step, trigger


@trigger(event='a')
class NoNext(FlowSpec):
    @step
    def start(self):
        pass

    @step
    def end(self):
        pass
