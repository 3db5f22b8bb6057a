"""The file raised on import."""

from metaflow import FlowSpec, step, trigger

def check(number):
    if number:
        raise ValueError(f'no luck with {number}')


check(3)


@trigger(event='a')
class Unlucky(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
