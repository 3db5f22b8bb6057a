"""Bad schedule."""

from metaflow import FlowSpec, schedule, step


@schedule(cron='0 8 * * MON-FRI')
class Five(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 25 * * ? *')
class Hour(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 8 * * ? *', timezone='Berlin')
class Zone(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 8 1 * MON *')
class BothDays(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 8 ? * MONDAY *')
class Word(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
