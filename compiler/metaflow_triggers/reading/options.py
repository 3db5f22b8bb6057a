"""Options: `options=` of a trigger, portable ones and those of one backend.

In:   the decorator's name, what the user wrote.
Out:  the options that are understood (FT107 for the others).

Not here: which backend has which option of the portable ones (`backends`).
"""

from __future__ import annotations

import re
from typing import Any

from ..language import cron
from .values import Path, Reader, did_you_mean, is_plain, json_text, kind

_OPTION_KEYS = ("reset_at", "join", "auto_map", "max_active", "step-functions", "argo-workflows")


def read_options(reader: Reader, name: str, options: Any) -> dict[str, Any]:
    """The options that are understood; the others are reported."""
    if options is None:
        return {}
    if not isinstance(options, dict):
        reader.report("FT107", f"`options=` of `{reader.flow.name}` is {kind(options)}, expected a dict", ("options",))
        return {}
    good = {}
    for key, value in options.items():
        path = ("options", key)
        if key not in _OPTION_KEYS:
            reader.report(
                "FT107",
                f"`options` of `{reader.flow.name}` has an unknown key {key!r}",
                path,
                "unknown key",
                key=True,
                helps=did_you_mean(str(key), _OPTION_KEYS),
                severity=reader.ignored,
            )
            continue
        problem = _option_problem(key, value) or (_aws_problem(name, value) if key == "step-functions" else "")
        if problem:
            reader.report("FT107", f"option {key!r} of `{reader.flow.name}` is not understood", path, problem)
            continue
        if key == "reset_at" and not _reset_at(reader, value, path):
            continue
        good[key] = value
    return good


def _reset_at(reader: Reader, value: dict[str, Any], path: Path) -> bool:
    parsed = reader.read_cron("FT107", value["cron"], (*path, "cron"), cron.parse_five)
    zone = value.get("timezone")
    good = zone is None or reader.knows_timezone("FT107", zone, (*path, "timezone"))
    return good and parsed is not None


def _option_problem(key: str, value: Any) -> str:
    if key == "auto_map" and not isinstance(value, bool):
        return "expected True or False"
    if key == "max_active" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        return "expected a whole number from 1"
    if key == "join" and value not in ("latest", "queue"):
        return "expected 'latest' or 'queue'"
    if key == "reset_at":
        if not isinstance(value, dict) or "cron" not in value or set(value) - {"cron", "timezone"}:
            return "expected {'cron': five fields, 'timezone': IANA name}"
    elif key in ("step-functions", "argo-workflows") and not isinstance(value, dict):
        return "expected a dict"
    try:
        json_text(value)
        plain = is_plain(value)
    except (TypeError, ValueError, RecursionError):
        plain = False
    return "" if plain else "expected JSON values"


_AWS_RANGES = {"retry": (0, 185), "maximum-event-age": (60, 86400)}
_AWS_BUS = re.compile(
    r"[A-Za-z0-9/_.-]{1,256}|arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/_.-]{1,256}"
)
_AWS_QUEUE = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")


def _aws_problem(decorator: str, value: dict[str, Any]) -> str:
    """What is wrong with `options={'step-functions': ...}` (limits: EventBridge's RetryPolicy and names)."""
    known = ("bus", "retry", "maximum-event-age", "dead-letter-queue")
    for key, item in value.items():
        if key not in known:
            return "; ".join([f"unknown key {key!r}", *did_you_mean(str(key), known)])
        if key in _AWS_RANGES:
            low, high = _AWS_RANGES[key]
            if not isinstance(item, int) or isinstance(item, bool) or not low <= item <= high:
                return f"{key!r} takes an integer from {low} to {high}"
        elif key == "bus" and decorator == "trigger_on_finish":
            return "outcomes are on the default bus, whatever bus is named"
        elif key == "bus" and not (isinstance(item, str) and _AWS_BUS.fullmatch(item)):
            return "'bus' takes the name or the ARN of an event bus"
        elif key == "dead-letter-queue" and not (isinstance(item, str) and _AWS_QUEUE.fullmatch(item)):
            return "'dead-letter-queue' takes the ARN of a standard SQS queue"
    return ""
