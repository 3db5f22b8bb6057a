"""The file did not finish importing in time."""

from metaflow import FlowSpec, step, trigger

import time

time.sleep(600)


@trigger(event='a')
class Slow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
