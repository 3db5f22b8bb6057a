"""How many calls `create` makes: none that writes when nothing changed, else those that the change needs."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.model.flows import Schedule

from tests.golden.examples import examples
from tests.golden.whole_outputs import compiled

from ...unit.backends.step_functions.samples import CONFIGURED, SPAN, event, finish, flow, mapping, parameter, trigger
from .account import Watched
from .inside import account, in_a_copy
from .test_deploy import TOKEN, template
from .test_deploy_plan import with_steps

VALUES = TOKEN | {
    "DatastoreBucket": "flows",
    "DatastorePrefix": "metaflow",
    "BatchJobQueue": "queue",
    "BatchJobRoleArn": "arn:aws:iam::123456789012:role/job",
    "StateMachineRoleArn": "arn:aws:iam::123456789012:role/machine",
    "DynamoDbTable": "cardinality",
    "CodePackagePath": "Flow/data/ab/abcd",
    "CodePackageSha": "abcd",
}


def calls_of_examples(paths: list[Path]) -> dict[str, tuple[int, list[str]]]:
    """Reads and writes of a second `create` of each example."""
    found = {}
    with account() as aws:
        watched = Watched(aws)
        for path in paths:
            made = yaml.safe_load(path.read_text())
            create(made, VALUES, CONFIGURED, watched.client)
            assert watched.writes
            watched.calls.clear()
            create(made, VALUES, CONFIGURED, watched.client)
            found[f"{path.parts[-3]}/{path.stem}"] = (len(watched.calls), watched.writes)
            watched.calls.clear()
    return found


def not_written_twice(*names: str) -> int:
    """The number of templates that the examples have."""
    folder = compiled(*names)
    paths = sorted(path for name in names for path in folder.glob(f"{name}/step-functions/*.yaml"))
    found = in_a_copy(lambda: calls_of_examples(paths))
    print({name: reads for name, (reads, _) in found.items()})
    assert len(found) == len(paths)
    assert {name: writes for name, (_, writes) in found.items() if writes} == {}
    assert max(reads for reads, _ in found.values()) < 60
    return len(paths)


def test_an_example_is_not_written_twice() -> None:
    assert not_written_twice("multiple_events", "workflow_shapes") == 2


@pytest.mark.long
def test_no_example_is_written_twice() -> None:
    assert not_written_twice(*examples()) > 25


ONE = flow(
    "OrderFlow", trigger(event("order-placed", mapping("order_id", "orderId"))), parameters=(parameter("order_id"),)
)
TIMED = dataclasses.replace(ONE, schedule=Schedule("0 0 * * ? *", None, SPAN))


def triggered(*triggers: Any) -> Any:
    return dataclasses.replace(ONE, triggers=triggers)


def placed(*mappings: Any, **more: Any) -> Any:
    return event("order-placed", *(mappings or (mapping("order_id", "orderId"),)), **more)


RETRIED = json.dumps({"step-functions": {"retry": 3}})
NEW_RULE = {"PutRule": 1, "PutTargets": 1}
OLD_RULE = {"RemoveTargets": 1, "DeleteRule": 1}
CHANGES: dict[str, tuple[Any, Any, dict[str, int]]] = {
    "another event": (ONE, triggered(trigger(event("paid"))), {"PutRule": 1, "UpdateStateMachine": 1}),
    "another field": (ONE, triggered(trigger(placed(mapping("order_id", "id")))), {"UpdateStateMachine": 1}),
    "a filter": (ONE, triggered(trigger(placed(filter='{"country": ["DE"]}'))), {"PutRule": 1}),
    "retries": (ONE, triggered(trigger(placed(), options=RETRIED)), {"PutTargets": 1}),
    "one more flow": (
        ONE,
        triggered(trigger(placed()), trigger(finish("Score"))),
        NEW_RULE | {"UpdateStateMachine": 1, "SetQueueAttributes": 1},
    ),
    "one flow less": (
        triggered(trigger(placed()), trigger(finish("Score"))),
        ONE,
        OLD_RULE | {"UpdateStateMachine": 1, "SetQueueAttributes": 1},
    ),
    "another time": (
        TIMED,
        dataclasses.replace(ONE, schedule=Schedule("0 6 * * ? *", None, SPAN)),
        {"UpdateSchedule": 1},
    ),
    "no schedule any more": (
        TIMED,
        ONE,
        {"DeleteSchedule": 1, "DeleteScheduleGroup": 1, "DeleteRolePolicy": 1, "DeleteRole": 1},
    ),
}


LONG = {"another field", "retries", "one more flow", "no schedule any more"}


@pytest.mark.parametrize(
    "change", [pytest.param(one, marks=pytest.mark.long) if one in LONG else one for one in CHANGES]
)
def test_a_change_is_written_by_the_calls_that_it_needs(change: str) -> None:
    before, after, wanted = CHANGES[change]

    def writes() -> list[str]:
        with account() as aws:
            watched = Watched(aws)
            create(template(before), TOKEN, CONFIGURED, watched.client)
            watched.calls.clear()
            create(template(after), TOKEN, CONFIGURED, watched.client)
            return watched.writes

    assert Counter(in_a_copy(writes)) == wanted


def test_more_memory_is_one_job_definition_and_the_machine_that_uses_it() -> None:
    def writes() -> list[str]:
        with account() as aws:
            watched = Watched(aws)
            create(with_steps("start", "end"), TOKEN, CONFIGURED, watched.client)
            watched.calls.clear()
            create(with_steps("start", "end", memory="8192"), TOKEN, CONFIGURED, watched.client)
            return watched.writes

    assert Counter(in_a_copy(writes)) == {"RegisterJobDefinition": 2, "UpdateStateMachine": 1}


def project(count: int, changed: int | None = None) -> list[Any]:
    return [
        flow(
            f"proj.user.tester.Flow{number}",
            trigger(event("changed" if number == changed else f"event-{number}")),
            project="proj",
            branch="user.tester",
        )
        for number in range(count)
    ]


def calls_of_project(count: int) -> dict[str, list[tuple[int, list[str]]]]:
    """Calls and writes of each flow's `create`: the first, the same again, and with one flow changed."""
    found = {}
    with account() as aws:
        watched = Watched(aws)
        for what, flows in (
            ("first", project(count)),
            ("again", project(count)),
            ("changed", project(count, changed=count // 2)),
        ):
            found[what] = []
            for item in flows:
                watched.calls.clear()
                create(template(item), TOKEN, CONFIGURED, watched.client)
                found[what].append((len(watched.calls), watched.writes))
    return found


def assert_linear_in_the_changes(count: int) -> None:
    found = in_a_copy(lambda: calls_of_project(count))
    first, again, changed = (found[what] for what in ("first", "again", "changed"))
    assert len(first) == count
    # The last flow of all costs what the first did, in an account that was empty.
    assert len({(calls, tuple(writes)) for calls, writes in first}) == 1
    assert {writes == [] for _, writes in again} == {True}
    assert len({calls for calls, _ in again}) == 1
    written = [writes for _, writes in changed if writes]
    assert [sorted(writes) for writes in written] == [["PutRule", "UpdateStateMachine"]]
    new, same = first[0], again[0]
    print(f"{count} flows: {new[0]} calls for a new one, {len(new[1])} of them writes; {same[0]} for the same again")


def test_a_project_costs_calls_linear_in_its_changes() -> None:
    assert_linear_in_the_changes(3)


@pytest.mark.long
def test_a_project_of_fifty_flows_costs_calls_linear_in_its_changes() -> None:
    assert_linear_in_the_changes(50)
