"""Named twice in one trigger."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(events=['a', 'a'], require='any')
class Twice(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flows=['F', {'name': 'F', 'match': 'finish'}], require='any')
class TwiceFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
