"""A repository as teams have it: 30 flows in 5 folders, with base classes, a mutator, a Config, polls, tests, scripts.

In:   a folder; whether the mistakes are planted.
Out:  the files; where each planted mistake stands.

In a text, a line `-FT104|...` is what stands there with the mistake, `+|...` what stands there without it. A mistake is
told at its line, but where `@` says another: `-FT301@2|...` is told two lines further down.
"""

from __future__ import annotations

import re
from pathlib import Path

HEAD = "from metaflow import Config, FlowSpec, Parameter, emit_event, schedule, step, trigger, trigger_on_finish\n"

BASE = '''\
from metaflow import FlowSpec, step


class Base(FlowSpec):
    """What the flows of the folder share."""

    @step
    def start(self):
        self.next(self.work)

    @step
    def work(self):
        self.next(self.end)

    @step
    def end(self):
        pass
'''

SCRIPT = """\
import sys
from pathlib import Path

Path(__file__ + '.ran').write_text('a script of the repository ran')
sys.exit('and it ends the interpreter')
"""

TEST = """\
import unittest


class TestIt(unittest.TestCase):
    def test_it(self):
        raise AssertionError('nobody asked for this')
"""

FLOWS: dict[str, str] = {
    # ingest: events from outside, and who passes them on ---------------------------------------------------------
    "ingest/orders.py": """\
-FT104|@trigger(event={'name': 'order placed', 'parameters': {'order_id': 'orderId'}})
+|@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderId'}})
class Orders(Base):
    order_id = Parameter('order_id')
""",
    "ingest/invoices.py": """\
-FT103|@trigger(event={'name': 'invoice-sent', 'paramters': {'number': 'number'}})
+|@trigger(event={'name': 'invoice-sent', 'parameters': {'number': 'number'}})
class Invoices(Base):
    number = Parameter('number', default='')
""",
    "ingest/returns.py": """\
@trigger(event={'name': 'parcel-returned', 'parameters': {
-FT301|    'ordr': 'orderId',
+|    'order': 'orderId',
}})
class Returns(Base):
    order = Parameter('order', default='')
""",
    "ingest/stock.py": """\
@trigger(event={'name': 'stock-counted', 'parameters': {'item': 'item'},
-FT116|                'filter': {'count': [{'numerc': ['>', 0]}]}})
+|                'filter': {'count': [{'numeric': ['>', 0]}]}})
class Stock(Base):
    item = Parameter('item')
""",
    "ingest/clicks.py": """\
-FT117|@schedule(cron='0 25 * * ? *')
+|@schedule(cron='0 5 * * ? *')
class Clicks(Base):
    pass
""",
    "ingest/till.py": """\
@schedule(hourly=True)
class Till(Base):
    pass
""",
    # features: a mutator puts the trigger on ---------------------------------------------------------------------
    "features/daily.py": """\
@after('Clicks')
class Daily(Base):
    pass
""",
    "features/baskets.py": """\
@after('Orders')
class Baskets(Base):
    pass
""",
    "features/refunds.py": """\
-FT201|@trigger_on_finish(flow='Retuns')
+|@trigger_on_finish(flow='Returns')
class Refunds(Base):
    pass
""",
    "features/levels.py": """\
@trigger_on_finish(flow='Stock', parameters={
-FT306|    'run': 'run',
+|    'run': 'run_id',
})
class Levels(Base):
    run = Parameter('run', default='')
""",
    "features/sessions.py": """\
-FT109|@trigger_on_finish(flow='Clicks', match='sucess')
+|@trigger_on_finish(flow='Clicks', match='success')
class Sessions(Base):
    pass
""",
    "features/joined.py": """\
@trigger_on_finish(flows=['Daily', 'Baskets'], require='all')
class Joined(Base):
    pass
""",
    # training: a Config, a set, a chain --------------------------------------------------------------------------
    "training/config.json": '{"epochs": 3}\n',
    "training/train.py": """\
@trigger_on_finish(flow='Joined')
class Train(Base):
    settings = Config('settings', default='config.json')
""",
    "training/evaluate.py": """\
@trigger_on_finish(flow='Train')
class Evaluate(Base):
    pass
""",
    "training/compare.py": """\
@trigger(events=[{'name': 'baseline-ready'}, {'name': 'candidate-ready'}],
-FT107|         require='all', options={'join': 'newest'})
+|         require='all', options={'join': 'latest'})
class Compare(Base):
    pass
""",
    "training/baseline.py": """\
@schedule(daily=True)
class Baseline(Base):
    @step
    def work(self):
        emit_event('baseline-ready')
        self.next(self.end)
""",
    "training/candidate.py": """\
@trigger_on_finish(flow='Evaluate')
class Candidate(Base):
    @step
    def work(self):
        emit_event('candidate-ready')
        self.next(self.end)
""",
    "training/tune.py": """\
@trigger(event={'name': 'tuning-asked', 'parameters': {'space': 'space'}})
class Tune(Base):
    space = Parameter('space')
-FT304@-3|    budget = Parameter('budget', type=int, required=True)
+|    budget = Parameter('budget', type=int, default=10)
""",
    # serving: two that may start each other ----------------------------------------------------------------------
    "serving/deploy.py": """\
-FT203|@trigger_on_finish(flow='Probe')
+|@trigger_on_finish(flow='Compare')
class Deploy(Base):
    pass
""",
    "serving/probe.py": """\
@trigger_on_finish(flow='Deploy')
class Probe(Base):
    pass
""",
    "serving/rollback.py": """\
@trigger_on_finish(flow='Probe', match='failure', parameters={'why': 'error'})
class Rollback(Base):
    why = Parameter('why', default='')
""",
    "serving/warm.py": """\
@schedule(cron='*/30 * * * ? *')
class Warm(Base):
    pass
""",
    "serving/traffic.py": """\
-FT105@1|@trigger(events=[{'name': 'traffic-low'},
+|@trigger(events=[{'name': 'traffic-low'},
-|                 {'name': 'traffic-low'}], require='any')
+|                 {'name': 'traffic-high'}], require='any')
class Traffic(Base):
    pass
""",
    "serving/report.py": """\
@schedule(weekly=True)
-FT204|class Reports(Base):
+|class Report(Base):
    pass
""",
    # ops: a poll, a file that fails ------------------------------------------------------------------------------
    "ops/inbox.py": """\
class Inbox(Base):
    path = Parameter('path', default='')
""",
    "ops/cleanup.py": """\
-FT120|import reporsitory_tools
+|import json
@schedule(daily=True)
class Cleanup(Base):
    pass
""",
    "ops/alert.py": """\
@trigger_on_finish(flows=['Train', 'Deploy'], match='failure', require='any')
class Alert(Base):
    pass
""",
    "ops/reports.py": """\
@schedule(weekly=True)
class Reports(Base):
    pass
""",
    "ops/quota.py": """\
@trigger(event={'name': 'quota-exceeded', 'parameters': {'team': 'team'}})
class Quota(Base):
    team = Parameter('team', default='')
""",
    "ops/audit.py": """\
@trigger(event={'name': 'audit-asked', 'parameters': {'since': 'since'}})
class Audit(Base):
    since = Parameter('since', default='')
""",
}

MUTATOR = """\
from metaflow import FlowMutator, trigger_on_finish


class after(FlowMutator):
    def init(self, flow):
        self.flow = flow

    def pre_mutate(self, mutable_flow):
        mutable_flow.add_decorator(trigger_on_finish, deco_kwargs={'flow': self.flow})
"""

POLLS = """\
from pathlib import Path

from metaflow_triggers.poll import Context, TriggerResult, trigger


-FT712|@trigger(workflow='Inbox', poll_interval='5 parsecs')
+|@trigger(workflow='Inbox', poll_interval='5s')
def something_arrived():
    found = sorted(Path('inbox').glob('*'))
    return TriggerResult.fire(Context({'path': str(found[0])})) if found else TriggerResult.skip()
"""

EXTERNAL = [
    "order-placed",
    "invoice-sent",
    "parcel-returned",
    "stock-counted",
    "tuning-asked",
    "traffic-low",
    "traffic-high",
    "quota-exceeded",
    "audit-asked",
]
"""Events that other systems send."""


def _chosen(text: str, planted: bool) -> tuple[str, list[tuple[str, int]]]:
    """The text as it stands in a file; (code, line) of each planted mistake."""
    lines: list[str] = []
    mistakes: list[tuple[str, int]] = []
    for line in text.splitlines():
        mark = re.match(r"([-+])(FT[0-9]{3})?(?:@(-?[0-9]+))?\|", line)
        if mark is None:
            lines.append(line)
        elif (mark[1] == "-") == planted:
            lines.append(line[mark.end() :])
            if mark[2]:
                mistakes.append((mark[2], len(lines) + int(mark[3] or 0)))
    return "\n".join(lines) + "\n", mistakes


def build(folder: Path, planted: bool) -> list[tuple[str, str, int]]:
    """Write the repository; (code, file, line) of what is wrong in it, sorted."""
    found: list[tuple[str, str, int]] = []
    for name, body in FLOWS.items():
        text, is_flow = body, name.endswith(".py")
        if is_flow:
            flow = re.findall(r"class (\w+)\(Base\)", body)[0]
            extra = "from mutators import after\n" if "@after" in body else ""
            text = f"{HEAD}from base import Base\n{extra}\n\n{body}\n\nif __name__ == '__main__':\n    {flow}()\n"
        chosen, mistakes = _chosen(text, planted)
        if is_flow:  # the class may have another name with the mistake
            flow = re.findall(r"^class (\w+)\(Base\)", chosen, re.MULTILINE)[0]
            chosen = re.sub(r"    \w+\(\)\n\Z", f"    {flow}()\n", chosen)
        _write(folder / "flows" / name, chosen)
        found += [(code, f"flows/{name}", line) for code, line in mistakes]
    for room in sorted({name.partition("/")[0] for name in FLOWS}):
        _write(folder / "flows" / room / "base.py", BASE)
        _write(folder / "flows" / room / "scripts" / "backfill.py", SCRIPT)
        _write(folder / "flows" / room / "tests" / "test_it.py", TEST)
    _write(folder / "flows" / "features" / "mutators.py", MUTATOR)
    polls, mistakes = _chosen(POLLS, planted)
    _write(folder / "flows" / "ops" / "polls.py", polls)
    found += [(code, "flows/ops/polls.py", line) for code, line in mistakes]
    return sorted(found)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
