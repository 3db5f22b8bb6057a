"""Left open: what a deployment of a compilation has to be given, told once, by the settings' names.

In:   what backends say is open (`Compilation.open`).
Out:  one note (FT020), a warning where `--strict` refuses it; or nothing.

Not here: what is open (the backends), what `create` refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..backends.shape import Open
from ..diagnostics import Diagnostic


def left_open(found: Iterable[tuple[str, Open]], *, strict: bool) -> list[Diagnostic]:
    """The note. A setting that has a default is told beside the others: a cluster may not have what it names."""
    found = list(found)
    missing = _lines(item for item in found if item[1].default is None)
    defaults = _lines(item for item in found if item[1].default is not None)
    if not missing and not defaults:
        return []
    notes = [f"{setting} is open: {places}" for setting, places in missing.items()]
    notes += [f"{setting} is not set: {places}" for setting, places in defaults.items()]
    severity = "warning" if strict else ""
    if not missing:
        message = f"a deployment takes defaults, for no configuration gives {_and(list(defaults))}"
        helps = ("set it, to the default where that is meant",) if strict else ()
        return [Diagnostic("FT020", message, notes=tuple(notes), helps=helps, severity=severity)]
    message = f"a deployment needs what no configuration gives: {_and(list(missing))}"
    helps = ("set it, or give it where the files are deployed",)
    return [Diagnostic("FT020", message, notes=tuple(notes), helps=helps, severity=severity)]


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _lines(found: Iterable[tuple[str, Open]]) -> dict[str, str]:
    """Of each setting, sorted, where it stands on which backend."""
    places: dict[str, list[str]] = {}
    for backend, item in sorted(found):
        places.setdefault(item.setting, []).append(f"{item.where} on {backend}")
    return {setting: _joined(places[setting]) for setting in sorted(places)}


def _joined(places: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(places))
