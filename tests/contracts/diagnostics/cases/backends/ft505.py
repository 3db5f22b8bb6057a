"""The schedule cannot be expressed."""

from metaflow import FlowSpec, schedule, step


@schedule(cron='0 8 ? * MON#1 *')
class ThirdMonday(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 8 L * ? *')
class LastDay(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 8 1 1 ? 2030')
class Year(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
