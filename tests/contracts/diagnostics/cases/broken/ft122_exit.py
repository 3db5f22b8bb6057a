"""The file called sys.exit."""

from metaflow import FlowSpec, step, trigger

import sys

sys.exit(3)


@trigger(event='a')
class Exits(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
