"""Inventory: what the account has of a project.

In:   the project's id; the account, which is only read.
Out:  `Deployed`, one for each deployed name; whose a deployment is now.

Not here: what becomes of it (`backends.inventory`), deleting.

A deployment is the project's if its state machine says so: that is made first, removed last and marked anew by each
`create`. The Resource Groups Tagging API has all objects that are marked, a hundred in an answer, and may show what was
a moment ago; so nothing is deleted for its word alone (`marks_now`). Who may not ask it has the list of state machines,
which Metaflow's own commands ask for too, and a question for each that may be a flow's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from ....diagnostics import DiagnosticError
from ....model.marks import PROJECT, Marks, read
from ...inventory import Deployed
from ..compile import names
from ..compile.assemble import TAG_DEPLOYED_NAME, TAG_FLOW
from .calls import Clients, absent, calling
from .instructions import Place
from .objects import queue_url
from .ownership import tag_map
from .plan import where
from .state_machines import read_machine
from .waiting import polls_that_stay, queue_that_stays, table_that_stays

BACKEND = "step-functions"
_KINDS = ["states", "events", "sqs", "dynamodb", "scheduler", "cloudwatch"]
"""Of job definitions AWS would tell all revisions, also those that are gone; of roles it tells nothing."""
_MOST_RUNS = 1000  # in one answer


def inventory(
    project: str, clients: Clients, counted: Callable[[Deployed], bool] = lambda item: True
) -> list[Deployed]:
    """All of the project, by deployed name; runs and events of those that are `counted`. Raises DiagnosticError."""
    found: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for arn, tags in _objects(project, clients):
        if TAG_DEPLOYED_NAME in tags:
            found.setdefault(tags[TAG_DEPLOYED_NAME], []).append((arn, tags))
    out = []
    for name in sorted(found):
        item = _deployed(project, name, found[name], clients)
        if item is not None:
            out.append(_counted(item, clients) if counted(item) else item)
    return out


def marks_now(name: str, clients: Clients) -> tuple[Marks | None, bool]:
    """(whose the deployment is at this moment, whether its state machine is there)."""
    machine = read_machine(where(name, clients), name)
    there = machine is not None and not machine.deleting
    return (read(machine.tags) if machine is not None and there else None), there


def _objects(project: str, clients: Clients) -> Iterator[tuple[str, dict[str, str]]]:
    """(ARN, tags) of what is marked."""
    try:
        yield from list(_tagged(project, clients))
    except DiagnosticError as error:
        if [item.code for item in error.diagnostics] != ["FT702"]:
            raise
        yield from _listed(project, clients)


def _tagged(project: str, clients: Clients) -> Iterator[tuple[str, dict[str, str]]]:
    with calling("tag:GetResources", project):
        pages = clients["resourcegroupstaggingapi"].get_paginator("get_resources")
        asked = {"TagFilters": [{"Key": PROJECT, "Values": [project]}], "ResourceTypeFilters": _KINDS}
        for page in pages.paginate(**asked):
            for item in page["ResourceTagMappingList"]:
                yield item["ResourceARN"], tag_map(item["Tags"])


def _listed(project: str, clients: Clients) -> Iterator[tuple[str, dict[str, str]]]:
    states = clients["stepfunctions"]
    with calling("states:ListStateMachines", project):
        machines = [
            item for page in states.get_paginator("list_state_machines").paginate() for item in page["stateMachines"]
        ]
    for machine in machines:
        if machine["type"] != "STANDARD":
            continue
        arn = machine["stateMachineArn"]
        with calling("states:ListTagsForResource", machine["name"]):
            answer = absent(
                lambda arn=arn: states.list_tags_for_resource(resourceArn=arn),  # type: ignore[misc]
                "ResourceNotFound",
                "StateMachineDoesNotExist",
            )
        tags = tag_map((answer or {}).get("tags", []), "key", "value")
        # A correlator has the tags of its flow, and is none.
        if tags.get(PROJECT) == project and tags.get(TAG_DEPLOYED_NAME) == machine["name"]:
            yield arn, tags


def _deployed(project: str, name: str, objects: list[tuple[str, dict[str, str]]], clients: Clients) -> Deployed | None:
    """None where another project has the state machine by now, or nobody."""
    flow = next((tags[TAG_FLOW] for _, tags in objects if TAG_FLOW in tags), None)
    nouns = tuple(sorted(_noun(arn) for arn, _ in objects))
    whole = [tags for arn, tags in objects if arn.endswith(f":stateMachine:{name}")]
    if whole:
        marks, mixed = read(whole[0]), False
    else:
        marks, there = marks_now(name, clients)
        if there and (marks is None or marks.project != project):
            return None
        said = {marks} if marks is not None else {read(tags) for _, tags in objects}
        marks, mixed = sorted(said, key=repr)[0], len(said) > 1
        if there:
            whole = [{}]
    return None if marks is None else Deployed(BACKEND, name, flow, marks, nouns, bool(whole), mixed)


def _noun(arn: str) -> str:
    service, rest = arn.split(":")[2], arn.split(":", 5)[5]
    kinds = {"states": "state machine", "events": "rule", "sqs": "queue", "dynamodb": "table", "cloudwatch": "alarm"}
    kind = kinds.get(service)
    return f"{kind or 'schedule group'} {rest.rpartition('/')[2].rpartition(':')[2]}"


def _counted(item: Deployed, clients: Clients) -> Deployed:
    place = where(item.name, clients)
    return dataclasses.replace(item, running=_running(place) if item.whole else 0, waiting=_waiting(place, item))


def _running(place: Place) -> int:
    """Executions under way, of which one answer has a thousand."""
    arn = place.arn("states", f"stateMachine:{place.deployed}")
    with calling("states:ListExecutions", place.deployed):
        found = absent(
            lambda: place.clients["stepfunctions"].list_executions(
                stateMachineArn=arn, statusFilter="RUNNING", maxResults=_MOST_RUNS
            ),
            "StateMachineDoesNotExist",
        )
    return len(found["executions"]) if found else 0


def _waiting(place: Place, item: Deployed) -> int:
    """Events in the table of sets and in the dead-letter queue, starts in the table of polls."""
    table, queue = names.table_name(place.deployed), names.queue_name(place.deployed)
    steps: list[Any] = []
    kinds = {noun.rpartition(" ")[0] for noun in item.objects}
    asked_all = kinds <= {"state machine"}  # of the list of state machines nothing else is known
    if "table" in kinds or asked_all:
        steps.append(table_that_stays(place, table))
    polls = names.poll_table_name(place.deployed)
    if f"table {polls}" in item.objects or asked_all:
        steps.append(polls_that_stay(place, polls))
    url = queue_url(place, queue) if "queue" in kinds or asked_all else None
    if url is not None:
        steps.append(queue_that_stays(place, queue, url))
    return sum(step.was["waiting"] for step in steps if step is not None)
