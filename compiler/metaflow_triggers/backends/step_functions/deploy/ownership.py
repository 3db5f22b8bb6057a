"""Owned: whose an object is, and what we keep in mind about a deployment in the tags of its state machine.

In:   tags.
Out:  yes or no; DiagnosticError (FT703); lists of names as tags, and back.

Not here: reading tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....model.marks import NAMES
from ..compile.assemble import TAG_DEPLOYED_NAME
from .instructions import Instruction, Place

BUSES = "metaflow-triggers/buses"
"""Buses but `default` on which the flow has, or may have, rules: else each bus of the account had to be asked."""
FORMER_STEPS = "metaflow-triggers/former-steps"
"""Steps that the flow no longer has, whose job definitions are still there."""
ALARMS = "metaflow-triggers/alarm"
"""The alarm of the flow's dead-letter queue: else each `create` had to ask for one, with a right that it needs for no
more than that."""

POLLER = "metaflow-triggers/poller"
"""The state machine that lets the flow be polled: nobody asks for a poller's objects where there is none."""

_VALUE_LIMIT = 256  # characters of a tag's value


def is_ours(place: Place, tags: dict[str, str]) -> bool:
    return tags.get(TAG_DEPLOYED_NAME) == place.deployed


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


def tag_map(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {item[key]: item[value] for item in tags}


def retagged(
    found: dict[str, str],
    wanted: dict[str, str],
    tag: Callable[[dict[str, str]], Instruction],
    untag: Callable[[list[str]], Instruction],
) -> tuple[tuple[Instruction, ...], dict[str, Any], dict[str, Any]]:
    """(the calls after which an object of ours has the tags that it shall have, what is there of these, what will be).

    Tags of others stay; a mark of a project goes where there is none any more: whoever looks for the project's objects
    would take it for one.
    """
    missing = {key: value for key, value in wanted.items() if found.get(key) != value}
    stale = [key for key in NAMES if key in found and key not in wanted]
    if not missing and not stale:
        return (), {}, {}
    calls = (*([tag(missing)] if missing else []), *([untag(stale)] if stale else []))
    was = {key: found.get(key, "") for key in (*missing, *stale)}
    return calls, {"tags": was}, {"tags": missing | dict.fromkeys(stale, "")}


def refuse(what: str) -> DiagnosticError:
    return DiagnosticError(
        [
            Diagnostic(
                "FT703",
                f"{what} exists and was not made for this flow",
                helps=("delete it if nobody needs it, and repeat the command",),
            )
        ]
    )


def kind_of(key: str) -> str:
    """The kind of a tag that `reminders` made."""
    return key.partition(":")[0]


def remembered(kind: str, tags: dict[str, str]) -> list[str]:
    """The names that the tags of `kind` hold."""
    return [name for key in sorted(tags) if kind_of(key) == kind for name in tags[key].split()]


def reminders(kind: str, names: Iterable[str]) -> dict[str, str]:
    """Tags of `kind` that hold `names`, in as few values as they fit; a name that fits none is left out."""
    values = [""]
    for name in sorted(set(names)):
        if len(name) > _VALUE_LIMIT:
            continue
        if values[-1] and len(values[-1]) + 1 + len(name) > _VALUE_LIMIT:
            values.append("")
        values[-1] = f"{values[-1]} {name}".strip()
    return {kind if not number else f"{kind}:{number}": value for number, value in enumerate(values) if value}
