"""Outcomes: what a flow that waits for the end of a run says of how it ended.

In:   the flow, what the run's Workflow says, the starts that its end may have made.
Out:  the causes for which it starts nothing; none where it takes the outcome.

Not here: whether the outcome was published, and came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....model.flows import FinishDependency, Flow
from ....trail import causes, judge
from ....trail.causes import Cause
from .start_names import StartName
from .workflows import STATES, Told


def refusals(flow: Flow, told: Told, starts: Sequence[StartName]) -> Iterator[Cause]:
    """Of all dependencies that wait for the run, or none where one of them takes how it ended."""
    ended = next((outcome for outcome, state in STATES.items() if state == told.state), None)
    if ended is None:
        return
    said: list[Cause] = []
    for trigger, place in dict.fromkeys((start.trigger, start.dependencies[0]) for start in starts):
        item = trigger.dependencies[place]
        if not isinstance(item, FinishDependency):
            continue
        if ended not in item.match:
            ways = " or ".join(f'"{one}"' for one in item.match)
            said.append(causes.FILTER(path="outcome", wanted=ways, found=f'"{ended}"'))
            continue
        payload = {"flow": item.flow, "run_id": told.run_id, "outcome": ended}
        more = {"project": item.project, "branch": item.branch, "step": told.step, "error": told.error}
        payload |= {name: value for name, value in more.items() if value is not None}
        found = judge.judge(flow, trigger, place, item, payload).refusals
        if not found:
            return
        said += found
    yield from dict.fromkeys(said)
