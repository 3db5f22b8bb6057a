"""Forms: which keys a project file has, and what each takes.

In:   the table of the file, or of one of its profiles.
Out:  `Wrong`s: unknown keys, values of another form.

Not here: places in the file, profiles, what the keys do.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..diagnostics.suggest import did_you_mean
from ..model.marks import ID, ID_IN_WORDS
from ..model.settings import SECRET_NAME

Keys = tuple[Any, ...]

SHORT = {
    "id": "METAFLOW_TRIGGERS_PROJECT_ID",
    "user": "METAFLOW_USER",
    "image": "METAFLOW_DEFAULT_CONTAINER_IMAGE",
}
"""Keys that are settings: the key -> the setting."""
NOT_HERE = ("METAFLOW_HOME", "METAFLOW_PROFILE", "METAFLOW_TRIGGERS_PROFILE", "METAFLOW_TRIGGERS_OFFLINE")
"""What says where settings are read from."""
_OURS = "METAFLOW_TRIGGERS_"
OURS = frozenset(
    [
        "ALARM_TOPIC",
        "BATCH_PLATFORM",
        "COMPAT",
        "CORRELATOR_ROLE",
        "DATABASE",
        "EVENT_BUS",
        "EVENT_SOURCE",
        "KMS_KEY",
        "OUTCOME_EVENT",
        "OUTCOME_EVENT_SOURCE",
        "OUTCOME_SECRET",
        "OUTCOME_WEBHOOK_URL",
        "POLLER_ROLE",
        "POLL_MACHINE_ROLE",
        "PROJECT_ID",
        "SCHEDULER_ROLE",
        "STARTER_ROLE",
        "UNPROVEN_PARENTS",
        "WEBHOOK_ACCEPTED",
        "WEBHOOK_CA",
        "WEBHOOK_CA_SECRET",
        "WEBHOOK_SECRET",
        "WEBHOOK_TLS_SECRET",
        "WEBHOOK_URL",
    ]
)
"""Settings of ours, without METAFLOW_TRIGGERS_. Those of Metaflow and of other extensions are not known here."""
SEVERITIES = ("error", "warning", "note", "off")

_SETTING = re.compile(r"METAFLOW_[A-Z0-9_]+")
_CODE = re.compile(r"FT[0-9]{3}")


@dataclass(frozen=True)
class Wrong:
    """What is wrong with the value at `keys`, in words that follow its name."""

    keys: Keys
    text: str = ""
    helps: tuple[str, ...] = ()
    unknown: bool = False
    code: str = ""


class Names(Protocol):
    """Names of which one may be asked for, or all."""

    def __contains__(self, name: object, /) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True)
class Known:
    """What the rooms above know: the names of backends; every code, and whether it may weigh less. None: nothing."""

    backends: Names | None = None
    codes: Mapping[str, bool] | None = None


Form = Callable[[Any, Keys, Known], Iterator[Wrong]]


def kind(value: Any) -> str:
    """What a value of TOML is, in words."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")


def as_json(value: Any) -> str:
    """A Config's value as its option takes it: a text is JSON or plain text, as Metaflow decides."""
    return value if isinstance(value, str) else json.dumps(value)


def words(value: str | list[str]) -> tuple[str, ...]:
    """Options as one text or as a list."""
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(value)


def judge(table: Mapping[str, Any], above: Keys, keys: Mapping[str, Form], known: Known) -> Iterator[Wrong]:
    """What is wrong with a table that may have these keys."""
    for key, value in table.items():
        here = (*above, key)
        if key in keys:
            yield from keys[key](value, here, known)
        elif above and key in KEYS:
            yield Wrong(here, "a profile cannot change it", ("it stands outside of the profiles",))
        else:
            yield Wrong(here, helps=did_you_mean(key, keys), unknown=True)
    for key, variable in SHORT.items():
        settings = table.get("settings")
        if key in table and isinstance(settings, dict) and variable in settings:
            yield Wrong((*above, "settings", variable), f"`{key}` says it too", ("keep one of the two",))


# The forms ----------------------------------------------------------------------------------------------------------


def _text(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, str):
        yield Wrong(keys, f"expected a text in quotes, found {kind(value)}")
    elif not value.strip() or not value.isprintable():
        yield Wrong(keys, "the text is empty" if not value.strip() else "the text holds what cannot be printed")


def _bool(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, bool):
        yield Wrong(keys, f"expected true or false without quotes, found {kind(value)}")


def _matching(pattern: re.Pattern[str], what: str) -> Form:
    def form(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
        wrong = list(_text(value, keys, known))
        yield from wrong
        if not wrong and not pattern.fullmatch(value):
            yield Wrong(keys, f"`{value}` is not {what}")

    return form


def _list(form: Form) -> Form:
    def judged(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
        if not isinstance(value, list):
            yield Wrong(keys, f"expected a list, found {kind(value)}", ("write it in brackets: `[...]`",))
            return
        for number, item in enumerate(value):
            yield from form(item, (*keys, number), known)

    return judged


def _table(form: Form, name: Callable[[str, Keys, Known], Iterator[Wrong]] | None = None) -> Form:
    def judged(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
        if not isinstance(value, dict):
            yield Wrong(keys, f"expected a table, found {kind(value)}")
            return
        for key, item in value.items():
            wrong = list(name(key, (*keys, key), known)) if name else []
            yield from wrong or form(item, (*keys, key), known)

    return judged


def _path(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    wrong = list(_text(value, keys, known))
    yield from wrong
    if not wrong:
        yield from _below(value, keys, known)


def _below(value: str, keys: Keys, known: Known) -> Iterator[Wrong]:
    """What lies outside has another project file, or none, for `python FLOW`."""
    if os.path.isabs(value) or os.path.normpath(value).split(os.sep)[0] == os.pardir:
        helps = ("paths begin there, as in `flows/daily`",)
        yield Wrong(keys, f"`{value}` is not below the folder of this file", helps)


def _backend(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    wrong = list(_text(value, keys, known))
    yield from wrong
    if not wrong and known.backends is not None and value not in known.backends:
        yield Wrong(keys, f"there is no backend `{value}`", did_you_mean(value, known.backends))


def _some_backends(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    yield from _list(_backend)(value, keys, known)
    if value == []:
        yield Wrong(keys, "the list is empty", ("leave the key out for all backends, or `exclude` the path",))


def _backends(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    yield from (_table(_some_backends, _below) if isinstance(value, dict) else _some_backends)(value, keys, known)


def _setting_name(name: str, keys: Keys, known: Known) -> Iterator[Wrong]:
    if name in NOT_HERE:
        yield Wrong(keys, "it says where settings are read from", ("set it in the environment",))
    elif SECRET_NAME.search(name):
        yield Wrong(keys, "it is a secret, and this file is committed", ("set it in the environment",))
    elif name.startswith(_OURS) and name.removeprefix(_OURS) not in OURS:
        helps = did_you_mean(name, [f"{_OURS}{item}" for item in sorted(OURS)])
        yield Wrong(keys, "there is no such setting", helps)
    elif not _SETTING.fullmatch(name):
        meant = f"METAFLOW_{name.upper().replace('-', '_').removeprefix('METAFLOW_')}"
        yield Wrong(keys, "a setting is named METAFLOW_...", (f"write `{meant}`",))


def _setting(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        yield Wrong(keys, f"expected a text in quotes, found {kind(value)}")
    elif isinstance(value, str) and not value.isprintable():
        yield Wrong(keys, "the text holds what cannot be printed")


def _config_value(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        yield Wrong(keys, "a Config is JSON, which has no dates, `nan` or `inf`")


def _flow_name(name: str, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not name.isidentifier():
        yield Wrong(keys, f"`{name}` is no name of a flow")


def _words(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if isinstance(value, list):
        yield from _list(_text)(value, keys, known)
        return
    wrong = list(_text(value, keys, known))
    yield from wrong
    if not wrong:
        try:
            shlex.split(value)
        except ValueError as error:
            yield Wrong(keys, f"`{value}`: {error}")


def _code(value: str, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not _CODE.fullmatch(value):
        yield Wrong(keys, f"`{value}` is no code, as `FT202` is")
    elif known.codes is not None and value not in known.codes:
        yield Wrong(keys, f"there is no code `{value}`", did_you_mean(value, known.codes))


def _severity(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if value not in SEVERITIES:
        found = f"`{value}`" if isinstance(value, str) else kind(value)
        yield Wrong(keys, f"expected {', '.join(SEVERITIES[:-1])} or {SEVERITIES[-1]}, found {found}")
    elif value != "error" and not _may_weigh_less(str(keys[-1]), known):
        yield Wrong(keys, _STAYS, _MEND)


_STAYS = "what is an error by itself stays one: what is emitted would be wrong, or nothing could be"
_MEND = ("only codes that `metaflow-triggers explain CODE` calls a warning or a note may weigh less",)


def _may_weigh_less(code: str, known: Known) -> bool:
    return known.codes is None or known.codes.get(code, True)


def _accepted(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, dict):
        yield Wrong(keys, f"expected a table with `code`, `flow` and `reason`, found {kind(value)}")
        return
    forms: dict[str, Form] = {"code": _accepted_code, "flow": _text, "reason": _text}
    for key, item in value.items():
        if key in forms:
            yield from forms[key](item, (*keys, key), known)
        else:
            yield Wrong((*keys, key), helps=did_you_mean(key, forms), unknown=True)
    for key, why in (("code", "which finding is accepted"), ("reason", "why it is accepted")):
        if key not in value:
            yield Wrong(keys, f"`{key}` is missing: {why}")


def tables(value: Any, above: Keys, known: Known, keys: Mapping[str, Form]) -> Iterator[Wrong]:
    """What is wrong with a table of tables, each of which may have these keys."""
    if not isinstance(value, dict):
        yield Wrong(above, f"expected a table, found {kind(value)}")
        return
    for name, inside in value.items():
        if not isinstance(inside, dict):
            yield Wrong((*above, name), f"expected a table, found {kind(inside)}")
            continue
        for key, item in inside.items():
            if key in keys:
                yield from keys[key](item, (*above, name, key), known)
            else:
                yield Wrong((*above, name, key), helps=did_you_mean(key, keys), unknown=True)


def _events(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, dict):  # its tables are judged by `events`
        yield from _path(value, keys, known)


def _accepted_code(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    wrong = list(_text(value, keys, known)) or list(_code(value, keys, known))
    yield from wrong
    if not wrong and not _may_weigh_less(value, known):
        yield Wrong(keys, _STAYS, _MEND)


def _profiles(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, dict):
        yield Wrong(keys, f"expected a table, found {kind(value)}")


OF_PROFILES: dict[str, Form] = {
    "backends": _backends,
    "production": _bool,
    "branch": _text,
    "user": _text,
    "image": _text,
    "settings": _table(_setting, _setting_name),
    "environment": _text,
    "with": _list(_text),
    "configs": _table(_text),
    "config-values": _table(_config_value),
    "flow-options": _table(_words, _flow_name),
    "external-flows": _list(_text),
    "external-events": _list(_text),
    "severity": _table(_severity, _code),
}
"""What a profile may say otherwise."""
KEYS: dict[str, Form] = {
    "id": _matching(re.compile(ID), f"an id: {ID_IN_WORDS}"),
    "paths": _list(_path),
    "exclude": _list(_text),
    "accept": _list(_accepted),
    "events": _events,
    "profiles": _profiles,
    **OF_PROFILES,
}
"""All keys."""
