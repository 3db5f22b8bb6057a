import json
from urllib.request import urlopen

from metaflow import FlowSpec, Parameter, step
from metaflow_triggers.poll import Context, TriggerResult, trigger

LIMIT = 1000


# Looks once an hour; says each month once that it costs too much.
@trigger(workflow='BudgetAlert', poll_interval='1h', dedup='once', dedup_keys=['month'])
def too_expensive():
    with urlopen('https://costs.example.com/this-month', timeout=10) as answer:
        costs = json.load(answer)
    if costs['total'] <= LIMIT:
        return TriggerResult.skip()
    return TriggerResult.fire(Context({'month': costs['month'], 'total': costs['total']}))


class BudgetAlert(FlowSpec):
    month = Parameter('month', default='this month')
    total = Parameter('total', type=float, default=0.0)

    @step
    def start(self):
        print(f"{self.month}: {self.total:.2f} spent")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BudgetAlert()
