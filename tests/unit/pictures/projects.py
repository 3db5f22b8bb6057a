"""Projects: pictures of any size, as a company might have them, the same each time.

In:   how many flows.
Out:  a `Picture` with projects, chains, sets, filters, polls, schedules, a catalogue and diagnostics.

Not here: flow files.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import Flow, PollTrigger, Span, TriggerGraph
from metaflow_triggers.pictures.build import build
from metaflow_triggers.pictures.values import Picture
from metaflow_triggers.project_file.shape import Event

from tests.unit.graph.build import all_of, any_of, event, finished, flow

TEAMS = ("orders", "billing", "search", "ranking", "reports", "fraud", "stock", "mail")
WORK = ("Ingest", "Clean", "Join", "Train", "Score", "Publish", "Audit", "Notify")
SCHEMA = '{"type": "object", "properties": {"id": {"type": "string"}, "sum": {"type": "number"}}}'


def project(size: int, seed: int = 11) -> Picture:
    """A picture of so many flows: teams of about a dozen, most flows after another flow of the team."""
    graph, found = linked(size, seed)
    catalogue = [
        Event(f"{team}-clean-done", Span("m.toml", 3 + at, 1, 3 + at, 9), team, f"what {team} cleaned", "", SCHEMA)
        for at, team in enumerate(TEAMS[: 1 + size // 12])
    ]
    both = ("step-functions", "argo-workflows")
    backends = [both if number % 5 else both[:1] for number in range(size)]
    return build(graph, backends, catalogue, [*found, Diagnostic("FT202", "some events come from elsewhere")])


def linked(size: int, seed: int = 11) -> tuple[TriggerGraph, list[Diagnostic]]:
    """The graph of `project`, and what is said of its flows."""
    chance = random.Random(seed)
    flows, polls, found = [], [], []

    def ended(item: Flow) -> Any:
        match = chance.choice([("success",), ("success", "failure")])
        return finished(item.name, match=match, project=item.project, branch=item.branch)

    for number in range(size):
        group, place = divmod(number, 12)
        home = {"project": TEAMS[group % 8], "branch": "prod"} if group % 3 else {}
        name, file = f"{WORK[place % 8]}{TEAMS[group % 8].title()}{number}", f"flows/{TEAMS[group % 8]}/{number}.py"
        before = [item for item in flows[-place:] if place] or flows[:0]
        triggers = []
        events = [f"{TEAMS[group % 8]}-{WORK[chance.randrange(8)].lower()}-done" for _ in range(2)]
        if place == 0:
            polls.append(PollTrigger(f"new-files-{number}", name, 90_000, False, Span(file, 90, 1, 90, 9)))
        elif place % 5 == 3 and len(before) > 1:
            triggers.append(all_of(*(ended(item) for item in chance.sample(before, 2))))
        elif place % 4 == 1:
            text = '{"sum": [{"numeric": [">", 10]}]}' if chance.random() < 0.5 else None
            triggers.append(any_of(event(events[0], ("id", "id"), ("env", ['"prod"']), filter=text)))
        elif before:
            triggers.append(any_of(ended(chance.choice(before[-4:]))))
        made = flow(name, *triggers, file=file, schedule=place == 2, emits=events[1:] if place % 3 == 2 else ())
        flows.append(replace(made, **home))
        if number % 17 == 5:
            found.append(Diagnostic("FT107" if number % 2 else "FT202", f"something about {name}", made.span))
    return link(flows, polls=polls), found
