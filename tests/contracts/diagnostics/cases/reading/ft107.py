"""Bad options."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event='a', options={'auto_mop': True})
class Mop(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options=[1])
class Liste(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'auto_map': 'yes'})
class Yes(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=['a', 'b'], require='all', options={'join': 'last'})
class Queued(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=['a', 'b'], require='all', options={'reset_at': '0 0 * * *'})
class NoCron(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=['a', 'b'], require='all', options={'reset_at': {'cron': '0 25 * * *'}})
class BadCron(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=['a', 'b'], require='all', options={'reset_at': {'cron': '0 5 * * *', 'timezone': 'Europe/Berln'}})
class BadZone(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'step-functions': {'retries': 3}})
class Retries(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'step-functions': {'retry': 186}})
class Attempts(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'step-functions': {'maximum-event-age': 30}})
class Age(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'step-functions': {'dead-letter-queue': 'alarms'}})
class Letters(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', options={'step-functions': {'bus': 'orders'}})
class Bus(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'step-functions': {'bus': 'a b'}})
class BusName(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'argo-workflows': {'x': {1}}})
class Sets(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'argo-workflows': 5})
class NoDict(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
