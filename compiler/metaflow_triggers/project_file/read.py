"""Read: a project file as a value, and all that is wrong with it, at once.

In:   the file, the name of a profile or None; the names of all backends and codes, where they are known.
Out:  `ProjectFile`. Raises DiagnosticError: FT030 (no such file, no TOML), FT031 (unknown key), FT032 (a value that
      does not fit its key), FT033 (no such profile).

Not here: the form of a value (`forms`). A profile's keys count before those beside it: a table is joined key by key,
anything else is taken instead. Every profile is judged, whichever is chosen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import regular
from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.suggest import did_you_mean
from ..model.flows import Span
from . import forms
from .find import LIMIT, SHARED, TABLE, shown
from .forms import Wrong
from .shape import Accepted, Event, Given, ProjectFile
from .toml import Keys, TomlError, parse, places


def read(
    path: str | os.PathLike[str],
    profile: str | None = None,
    *,
    backends: forms.Names | None = None,
    codes: Mapping[str, bool] | None = None,
) -> ProjectFile:
    """The file as `profile` has it. `codes`: every code, and whether it may weigh less than its rule says.

    Raises DiagnosticError with all that is wrong.
    """
    file = Path(os.path.abspath(path))
    said, where = _said(file)
    known = forms.Known(backends, codes)
    mistakes = list(_judge(said, known))
    found = _events(said, where, file.parent, known, mistakes)
    wrong = [_told(item, where, shown(file)) for item in mistakes]
    profiles = said.get("profiles")
    profiles = profiles if isinstance(profiles, dict) else {}
    if profile is not None and profile not in profiles:
        its = ", ".join(f"`{name}`" for name in profiles)
        more = did_you_mean(profile, profiles) or ((f"it has {its}",) if its else ())
        wrong.append(Diagnostic("FT033", f"`{shown(file)}` has no profile `{profile}`", helps=more))
    if wrong:
        raise DiagnosticError(wrong)
    return _project(file, profile, _joined(said, profiles.get(profile, {})), where, tuple(found))


def _said(file: Path) -> tuple[dict[str, Any], dict[Keys, Span]]:
    """What the file says of us, and where. Raises DiagnosticError (FT030)."""
    name = shown(file)
    try:
        content = regular.read(file, LIMIT)
        value = parse(content)
    except regular.Unreadable as error:
        raise DiagnosticError([Diagnostic("FT030", f"the project file `{name}` {error}")]) from None
    except TomlError as error:
        span = Span(name, error.line, error.column, error.line, error.column)
        found = Diagnostic("FT030", f"the project file `{name}` is no TOML: {error}", span, "here")
        raise DiagnosticError([found]) from None
    above = ("tool", TABLE) if file.name == SHARED else ()
    for key in above:
        value = value.get(key, {}) if isinstance(value, dict) else {}
    where = {
        keys[len(above) :]: Span(name, line, column, line, end)
        for keys, (line, column, end) in places(content).items()
        if keys[: len(above)] == above
    }
    if not isinstance(value, dict):
        told = Diagnostic("FT032", f"`tool.{TABLE}` is a table, not {forms.kind(value)}", where.get(()))
        raise DiagnosticError([told])
    return value, where


def _judge(said: dict[str, Any], known: forms.Known) -> Iterator[Wrong]:
    yield from forms.judge(said, (), forms.KEYS, known)
    profiles = said.get("profiles", {})
    if not isinstance(profiles, dict):
        return  # told by its form
    for name, inside in profiles.items():
        if isinstance(inside, dict):
            yield from forms.judge(inside, ("profiles", name), forms.OF_PROFILES, known)
        else:
            yield Wrong(("profiles", name), f"a profile is a table, not {forms.kind(inside)}")


def _events(
    said: Mapping[str, Any], where: dict[Keys, Span], folder: Path, known: forms.Known, wrong: list[Wrong]
) -> list[Event]:
    """The catalogue. Adds to `wrong` and, for a file of its own, to `where`."""
    value = said.get("events", {})
    if not value or not isinstance(value, (str, dict)):
        return []
    from . import events

    if isinstance(value, str):
        if any(item.keys == ("events",) for item in wrong):
            return []
        value, places_, why = events.beside(folder, value)
        where.update({("events", *keys): span for keys, span in places_.items()})
        if why:
            wrong.append(Wrong(("events",), why))
    mistakes = list(events.judge(value, ("events",), known))
    bad = {item.keys[1] for item in mistakes if len(item.keys) > 1}
    good = {name: said for name, said in value.items() if name not in bad} if isinstance(value, dict) else {}
    found, schemas = events.read(good, folder, where)
    wrong += [*mistakes, *schemas]
    return found


def _told(item: Wrong, where: Mapping[Keys, Span], name: str) -> Diagnostic:
    keys: Keys = item.keys
    span = where.get(keys)
    name = span.file if span else name
    while span is None and keys:  # inside of a value that is told as a whole
        keys = keys[:-1]
        span = where.get(keys)
    if item.unknown:
        text, label = f"`{name}`: there is no key `{dotted(item.keys)}`", "unknown key"
    else:
        text, label = f"`{name}`: `{dotted(item.keys)}`: {item.text}", ""
    return Diagnostic(item.code or ("FT031" if item.unknown else "FT032"), text, span, label, helps=item.helps)


def dotted(keys: Keys) -> str:
    """The keys as one text: `accept[0].code`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.removeprefix(".")


def _joined(said: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(said)
    for key, value in over.items():
        before = both.get(key)
        both[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return both


def _project(
    file: Path, profile: str | None, said: Mapping[str, Any], where: dict[Keys, Span], events: tuple[Event, ...]
) -> ProjectFile:
    folder = file.parent
    settings = {name: str(value) for name, value in said.get("settings", {}).items()}
    settings |= {variable: said[key] for key, variable in forms.SHORT.items() if key in said}
    backends = said.get("backends")
    own = said.get("flow-options", {})
    return ProjectFile(
        file=file,
        profile=profile,
        id=said.get("id"),
        paths=tuple(said.get("paths", ())),
        exclude=tuple(said.get("exclude", ())),
        backends=tuple(backends) if isinstance(backends, list) else None,
        backends_of_paths=_of_paths(folder, backends) if isinstance(backends, dict) else (),
        production=said.get("production"),
        branch=said.get("branch"),
        settings=settings,
        given=Given(
            environment=said.get("environment"),
            decorators=tuple(said.get("with", ())),
            configs=tuple((name, str(folder / value)) for name, value in said.get("configs", {}).items()),
            config_values=tuple((name, forms.as_json(value)) for name, value in said.get("config-values", {}).items()),
            own=tuple((name, forms.words(value)) for name, value in own.items()),
        ),
        external_flows=tuple(said.get("external-flows", ())),
        external_events=tuple(said.get("external-events", ())),
        severity=dict(said.get("severity", {})),
        accepted=tuple(
            Accepted(item["code"], item["reason"], where[("accept", number)], item.get("flow"))
            for number, item in enumerate(said.get("accept", ()))
        ),
        events=events,
        places=where,
    )


def _of_paths(folder: Path, value: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((os.path.normpath(os.path.join(folder, path)), tuple(names)) for path, names in value.items())
