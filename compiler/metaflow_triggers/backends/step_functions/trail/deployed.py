"""Deployed: a flow as its starters and correlators know it, where no file of it was read.

In:   the flow's deployed name, the account.
Out:  `Known`: a flow of the model with what it waits for, and what of a definition counts more than what we compute.

Not here: filters (the rules have them), parameters and their types: no machine knows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....model.flows import (
    Constant,
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    Options,
    Origin,
    PayloadField,
    Span,
    Trigger,
)
from ....model.flows import Mapping as Given
from ....model.kinds import assert_never
from .. import NAME
from ..compile import names
from .asking import Asking, Unanswered

_NOWHERE = Span("", 1, 1, 1, 1)
_FOLDER = re.compile(r"States\.Format\('(?P<folder>[^']*/)_triggers/")
_KINDS = ("event", "finish")


@dataclass(frozen=True)
class Known:
    """`keys`: machine -> key of its set's row. `needs`: machines that refuse events which lack a field."""

    flow: Flow
    keys: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()


def known(deployed: str, name: str, asking: Asking) -> Known | Unanswered | None:
    """None where nothing of it is there. `name` is what the flow is called where no machine says it."""
    own = asking.definition(deployed)
    if own is None or isinstance(own, Unanswered):
        return own
    triggers: list[Trigger] = []
    keys: dict[str, str] = {}
    needs: set[str] = set()
    said = name.rpartition(".")[2]
    number = 1
    while isinstance(found := asking.definition(machine := names.starter_name(deployed, number)), dict):
        said = _class_name(found) or said
        for kind in _KINDS:
            items = tuple(item for item in _dependencies(found) if _kind(item) == kind)
            if items:
                triggers.append(Trigger(kind, "any", True, items, False, Options(), _NOWHERE))
        needs |= {machine} if "Require" in found["States"] else set()
        number += 1
    for kind in _KINDS:
        found = asking.definition(machine := names.correlator_name(deployed, kind))
        if not isinstance(found, dict):
            continue
        said = _class_name(found) or said
        queue = "list_append" in json.dumps(found["States"]["Record"])
        options = Options(json.dumps({"join": "queue" if queue else "latest"}))
        triggers.append(Trigger(kind, "all", True, tuple(_dependencies(found)), False, options, _NOWHERE))
        keys[machine] = found["States"]["Claim"]["Parameters"]["Key"]["pk"]["S"]
        needs |= {machine} if "Require" in found["States"] else set()
    flow = Flow(said, "", None, None, (), tuple(triggers), None, (), (), _NOWHERE, deployed_as=deployed)
    return Known(flow, keys, frozenset(needs))


def place_of(definition: Any) -> tuple[str, str] | None:
    """(bucket, the flow's folder `_triggers/` in it) of a machine that stores events."""
    try:
        asked = definition["States"]["IsStored"]["Parameters"]
        found = _FOLDER.search(asked["Prefix.$"])
        return None if found is None else (asked["Bucket"], f"{found['folder']}_triggers/")
    except (KeyError, TypeError):
        return None


def _class_name(definition: Any) -> str | None:
    """That of the flow's class, by the folder in which the machine stores events."""
    place = place_of(definition)
    return None if place is None else place[1].removesuffix("/_triggers/").rpartition("/")[2]


def _dependencies(definition: Any) -> Iterator[Dependency]:
    for item in definition["States"]["Store"]["Parameters"]["Body"]["dependencies"]:
        given = tuple(_mapping(one) for one in item.get("mappings", ()))
        if item["kind"] == "finish":
            home = (item.get("project"), item.get("branch"))
            yield FinishDependency(item["flow"], *home, tuple(item["match"]), given, None, _NOWHERE)
        else:
            origin = Origin(json.dumps({NAME: item["origin"]})) if item.get("origin") else None
            yield EventDependency(item["name"], given, None, origin, _NOWHERE)


def _kind(item: Dependency) -> str:
    if isinstance(item, EventDependency):
        return "event"
    if isinstance(item, FinishDependency):
        return "finish"
    assert_never(item)


def _mapping(one: Mapping[str, str]) -> Given:
    source = Constant(one["constant_json"]) if "constant_json" in one else PayloadField(one["field"])
    return Given(one["parameter"], source, _NOWHERE)
