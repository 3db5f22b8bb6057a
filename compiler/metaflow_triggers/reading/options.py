"""Options: `options=` of a trigger, portable ones and those of one backend.

In:   what the user wrote.
Out:  the options that are understood (FT107 for the others).

Not here: what a backend's own options mean and which of the portable ones it has (`backends`).
"""

from __future__ import annotations

from typing import Any

from ..backends import registry
from ..model.flows import Options
from .values import Path, Reader, did_you_mean, is_plain, json_text, kind

_PORTABLE = ("reset_at", "join", "auto_map", "max_active")


def read_options(reader: Reader, options: Any) -> Options:
    """The options that are understood; the others are reported."""
    if options is None:
        return Options()
    if not isinstance(options, dict):
        reader.report("FT107", f"`options=` of `{reader.flow.name}` is {kind(options)}, expected a dict", ("options",))
        return Options()
    good = {}
    for key, value in options.items():
        path = ("options", key)
        if key not in _PORTABLE and key not in registry.Names():
            reader.report(
                "FT107",
                f"`options` of `{reader.flow.name}` has an unknown key {key!r}",
                path,
                "unknown key",
                key=True,
                helps=did_you_mean(str(key), (*_PORTABLE, *registry.names())),
                severity=reader.ignored,
            )
            continue
        problem = _option_problem(key, value)
        if problem:
            reader.report("FT107", f"option {key!r} of `{reader.flow.name}` is not understood", path, problem)
            continue
        if key == "reset_at" and not _reset_at(reader, value, path):
            continue
        good[key] = value
    return Options(json_text(good), reader.written(good, ("options",)))


def _reset_at(reader: Reader, value: dict[str, Any], path: Path) -> bool:
    from ..language import cron

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
    elif key not in _PORTABLE and not isinstance(value, dict):
        return "expected a dict"
    try:
        json_text(value)
        plain = is_plain(value)
    except (TypeError, ValueError, RecursionError):
        plain = False
    return "" if plain else "expected JSON values"
