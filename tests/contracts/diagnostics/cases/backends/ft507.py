"""An outcome that cannot prove where it comes from."""

from metaflow import FlowSpec, step, trigger_on_finish


@trigger_on_finish(flow='F', match='failure')
class Believes(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == '__main__':
    Believes()
