"""Random stories of fires, ends of runs, switches, deployments and crashes: three targets do what section 14 says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ...worlds.aws.poll_world import BUCKET, REGION
from .model import Model, Round
from .story import Story, story
from .targets import Argo, Aws, Local, Target

SEED = 19


class Clients(dict[str, Any]):
    """Of boto3, by service."""

    def __missing__(self, service: str) -> Any:
        return self.setdefault(service, boto3.client(service, region_name=REGION))


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    log = logging.getLogger("metaflow_triggers.poll")
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "disabled", True)  # thousands of lines, all of them meant
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        made = Clients()
        made["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield made


def told(target: Target, of: Story, name: str) -> dict[str, Any]:
    """What there is of a trigger in the end, in words that all targets share."""
    schedule = target.schedule(name)
    is_polled = of.is_calm or of.model.triggers[name].is_on  # else it depends on how soon a crash was
    rows = list(reversed(target.history(name)))
    calm = {"suppressed": schedule["suppressed_count"], "late": [_late(row) for row in rows]} if of.is_calm else {}
    keys = ("trigger_name", "triggered_at")
    return {
        "runs": [
            {key: value for key, value in run.items() if key not in keys} | {"trigger_name": run["trigger_name"]}
            for run in target.runs(name)
        ],
        "starts": [
            {
                "generation": row["generation"],
                "context": row["context"],
                "hash": row["context_hash"],
                "state": row["state"],
                "error": row["error"],
                "began": row["run_started_at"] is not None and bool(row["run_id"]),
                "ended": row["completed_at"] is not None,
                "of": (row["trigger_name"], row["workflow_name"], row["schedule_id"] == schedule["id"]),
            }
            for row in rows
        ],
        "schedule": {
            key: schedule[key]
            for key in ("trigger_name", "workflow_name", "poll_interval_ms", "allow_concurrent", "enabled")
        },
        "last": (schedule["last_result"], schedule["consecutive_errors"], _kind(schedule)) if is_polled else None,
        **calm,
    }


def _kind(schedule: dict[str, Any]) -> str:
    """Of the last error: its details are a target's own."""
    return str(schedule["last_error"] or "").partition(": ")[0]


def _late(row: dict[str, Any]) -> float:
    """Seconds from when a poll was due to its start."""
    moments = [datetime.fromisoformat(row[key]) for key in ("scheduled_at", "started_at")]
    return (moments[1] - moments[0]).total_seconds()


def judged(of: Story, name: str, found: dict[str, Any]) -> None:
    """What the model says, of what was found on one target."""
    trigger = of.model.triggers[name]
    expected = [(start.generation, start.context, _state(start.state)) for start in trigger.starts]
    assert [(row["generation"], row["context"], row["state"]) for row in found["starts"]] == expected
    runs = [trigger.starts[generation - 1].context for generation in trigger.order]
    assert found["runs"] == [{**context, "trigger_name": name} for context in runs]
    assert found["schedule"]["enabled"] == trigger.is_on
    if trigger.is_on:
        assert found["last"][:2] == (trigger.result, trigger.errors)
    assert found.get("suppressed", trigger.suppressed) == trigger.suppressed


def _state(state: str) -> str:
    return {"waiting": "claimed", "running": "started"}.get(state, state)


def play(folder: Path, clients: Clients, seed: int, rounds: int) -> Story:
    """One story on all of them."""
    of = story(seed, rounds)
    model = Model(dict(of.first), of.required)
    targets: dict[str, Target] = {}
    try:
        targets["local"] = Local(folder / "local", of.first, of.required)
        targets["argo"] = Argo(folder / "argo", of.first, of.required)
        targets["aws"] = Aws(folder / "aws", of.first, of.required, clients)
        for step in of.steps:
            model.take(step)
            for key, target in targets.items():
                target.play(step)
                for name, trigger in model.triggers.items() if isinstance(step, Round) else ():
                    # Where an answer was lost, what was stored is known at the next round.
                    if trigger.kept is None:
                        accepted = [start.context for start in trigger.starts]
                        assert target.accepted(name) == accepted, f"{key} of {name} after {step}: not {accepted}"
        for target in targets.values():
            target.rest()
        for name in sorted(of.model.triggers):
            found = {key: told(target, of, name) for key, target in targets.items()}
            for key, one in found.items():
                judged(of, name, one)
                for part, value in one.items():
                    assert value == found["local"][part], f"{key} of {name}: {part}"
    except AssertionError as error:
        story_ = "\n".join(f"{number} {step}" for number, step in enumerate(of.steps))
        raise AssertionError(f"seed {seed}, {rounds} rounds, {of.first}: {error}\n{story_}") from error
    finally:
        for target in targets.values():
            target.close()
    return of


def campaign(folder: Path, clients: Clients, seeds: range, rounds: int) -> None:
    starts = suppressed = crashes = 0
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        of = play(place, clients, seed, rounds)
        starts += sum(len(trigger.starts) for trigger in of.model.triggers.values())
        suppressed += sum(trigger.suppressed for trigger in of.model.triggers.values())
        crashes += sum(isinstance(step, Round) and step.crash is not None for step in of.steps)
    print(f"{len(seeds)} stories from seed {seeds.start}: {starts} starts, {suppressed} suppressed, {crashes} crashes")
    assert min(starts, 3 * suppressed) > len(seeds) and crashes


def test_a_dozen_stories(tmp_path: Path, clients: Clients) -> None:
    campaign(tmp_path, clients, range(SEED, SEED + 12), rounds=5)


@pytest.mark.long
def test_a_thousand_stories(tmp_path: Path, clients: Clients) -> None:
    campaign(tmp_path, clients, range(1000 * SEED, 1000 * SEED + 1000), rounds=8)
