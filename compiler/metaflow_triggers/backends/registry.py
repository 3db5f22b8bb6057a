"""Registry: the backends by name, each with the description that it gives of itself.

In:   the name of a backend.
Out:  its `Spec`; what that leads to. Raises DiagnosticError (FT009) for an installed package that is none.

Not here: anything that knows one backend. Adding one is adding a package with one line: here for one of ours, else the
entry point of its name in the group `metaflow_triggers.backends`. Looking for entry points takes some ten
milliseconds, so it is done when all backends are meant, or one that is not ours is named, and once.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.flows import Flow, PollTrigger, TriggerGraph
from ..model.settings import Settings
from . import shape
from .shape import Backend, Boxes, Deployer, PollRecords, Spec, lacking

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from ..trail.answer import Target

GROUP = "metaflow_triggers.backends"
"""The group of entry points: `name = package:SPEC`."""

_OURS = {"step-functions": ".step_functions", "argo-workflows": ".argo"}

OURS = ", ".join(_OURS)
"""In words."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
"""A folder of what is compiled, and a word of command lines."""


@functools.cache
def _installed() -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for item in entry_points(group=GROUP):
        found.setdefault(item.name, []).append(item)
    return found


class Names:
    """The names of all backends, for a parser: nothing is looked for before one is asked for that is not ours."""

    def __contains__(self, name: object) -> bool:
        return name in _OURS or name in _installed()

    def __iter__(self) -> Iterator[str]:
        return iter(names())


def is_ours(name: str) -> bool:
    """Whether the backend is one of this package."""
    return name in _OURS


def names() -> tuple[str, ...]:
    """All backends: ours, then the installed ones."""
    return (*_OURS, *sorted(_installed().keys() - _OURS.keys()))


def chosen(asked: Iterable[str] | None) -> tuple[str, ...]:
    """Those that were asked for, or all, in one order."""
    wanted = set(asked or names())
    return tuple(name for name in (_OURS if wanted <= _OURS.keys() else names()) if name in wanted)


def usable(asked: Iterable[str] | None) -> tuple[tuple[str, ...], list[Diagnostic]]:
    """Of `chosen` those that are in order; why the others are not: an error for who asks for one, else a warning."""
    good, found = [], []
    for name in chosen(asked):
        try:
            backend(name)
        except DiagnosticError as error:
            found += [replace(item, severity="" if asked else "warning") for item in error.diagnostics]
        else:
            good.append(name)
    return tuple(good), found


def at_work(asked: Iterable[str]) -> tuple[Spec, ...]:
    """Those that were asked for, then ours: what has to be in order wherever flows are read."""
    return tuple(spec(name) for name in dict.fromkeys((*asked, *_OURS)))


@functools.cache
def spec(name: str) -> Spec:
    """How a backend describes itself. Raises KeyError for an unknown name, DiagnosticError (FT009)."""
    if name in _OURS:
        ours: Spec = importlib.import_module(_OURS[name], __package__).SPEC
        return ours
    found = _installed()[name]
    if len(found) > 1:
        raise _unusable(name, found, "several packages have this name")
    if not _NAME.fullmatch(name):
        raise _unusable(name, found, "a name is lower-case letters, digits and `-`, and begins with a letter")
    try:
        given = found[0].load()
    except Exception as error:  # somebody else's code, which may do anything when it is imported
        raise _unusable(name, found, f"{type(error).__name__}: {error}") from error
    if not isinstance(given, Spec):
        raise _unusable(name, found, f"`{found[0].value}` is {type(given).__name__}, expected backends.shape.Spec")
    if given.name != name:
        raise _unusable(name, found, f"it describes itself as `{given.name}`")
    return given


def backend(name: str) -> Backend:
    """What compiles for a backend. Raises as `spec`."""
    return _loaded(spec(name), "backend", Backend)  # type: ignore[no-any-return]


def deployer(name: str) -> Deployer:
    """What `create`, `diff --live` and `delete` need of a backend. Loads the cloud's client when used."""
    return _loaded(spec(name), "deployer", Deployer)  # type: ignore[no-any-return]


def trail(name: str) -> Target | None:
    """What tells what became of an event there, where the backend has it. Raises as `spec`."""
    from ..trail.answer import Target

    return None if spec(name).trail is None else _loaded(spec(name), "trail", Target)


def polls(name: str) -> PollRecords | None:
    """The records of a backend's poll triggers; None: nothing polls there."""
    return None if spec(name).polls is None else _loaded(spec(name), "polls", PollRecords)


def may_poll(name: str) -> bool:
    """Whether poll triggers are deployed to a backend."""
    return spec(name).polls is not None


def polls_of(name: str, flow: Flow, graph: TriggerGraph) -> list[PollTrigger]:
    """The poll triggers that start a flow of the graph on a backend; none where nothing polls (FT511)."""
    return shape.polls_of(flow, graph) if may_poll(name) else []


def declared_polls(name: str, contents: Iterable[Any]) -> list[PollTrigger]:
    """The poll triggers that objects of one flow declare, where the backend can say it."""
    told = getattr(backend(name), "declared_polls", None) if may_poll(name) else None
    return [] if told is None else list(told(contents))


def dead_letters(name: str) -> Boxes | None:
    """What has the dead letters of its flows, where the backend has it. Raises as `spec`."""
    return None if spec(name).dead_letters is None else _loaded(spec(name), "dead_letters", Boxes)


def _loaded(of: Spec, part: str, shape: type) -> Any:
    """A part of a backend, which has all that its shape lists."""
    if of.name in _OURS:  # mypy holds these against their shape
        return getattr(of, part)()
    try:
        found = getattr(of, part)()
    except Exception as error:
        raise _unusable(of.name, _installed()[of.name], f"its {part}: {type(error).__name__}: {error}") from error
    missing = lacking(found, shape)
    if missing:
        raise _unusable(of.name, _installed()[of.name], f"its {part} has no {', '.join(missing)}")
    return found


def _unusable(name: str, found: Sequence[EntryPoint], why: str) -> DiagnosticError:
    packages = " and ".join(dict.fromkeys(f"`{item.dist.name}`" for item in found if item.dist is not None))
    message = f"{packages or 'an installed package'} cannot be used as the backend `{name}`: {why}"
    helps = (f"repair or remove {packages or 'the package'}", "name the backends that are meant with --backend")
    return DiagnosticError([Diagnostic("FT009", " ".join(message.split()), helps=helps)])


def blamed(error: BaseException) -> DiagnosticError | None:
    """FT009 where an exception came out of an installed backend's package; None where it did not. Looks for no package:
    one whose code ran is known."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    known = _installed() if _installed.cache_info().currsize else {}
    for name, found in known.items():
        module = sys.modules.get(found[0].module.partition(".")[0])
        file = getattr(module, "__file__", None)
        if name in _OURS or file is None:
            continue
        inside = os.path.dirname(file) + os.sep if os.path.basename(file) == "__init__.py" else file
        last = next((frame for frame in reversed(frames) if frame.filename.startswith(inside)), None)
        if last is not None:
            where = f"{os.path.basename(last.filename)}, line {last.lineno}, in {last.name}"
            return _unusable(name, found[:1], f"it raised {type(error).__name__}: {error} ({where})")
    return None


def suited(flow: Flow, names_: Sequence[str]) -> tuple[str, ...]:
    """Those of the backends that a flow is for: the one that its steps ask for (`@batch`, `@kubernetes`), else all.

    One that asks for several is for all, whose compilers then say why it is for none.
    """
    asking = {item.name for item in at_work(names_) if item.compute in flow.features}
    if len(asking) != 1:
        return tuple(names_)
    return tuple(name for name in names_ if name in asking)


@dataclass(frozen=True)
class PathRules:
    """Which backends the flows below some paths are for; `of_paths` are absolute, files are told from `here`."""

    here: str = ""
    of_paths: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def meant(self, flow: Flow, names_: Sequence[str], *, chosen: bool) -> tuple[str, ...]:
        """Those of the backends that a flow is for: the nearest path counts; then, unless they were `chosen`, the one
        that its steps ask for."""
        file = os.path.normpath(os.path.join(self.here, flow.file))
        above = [rule for rule in self.of_paths if file == rule[0] or file.startswith(rule[0].rstrip(os.sep) + os.sep)]
        if above:
            nearest = max(above, key=lambda rule: len(rule[0]))[1]
            names_ = [name for name in names_ if name in nearest]
        return tuple(names_) if chosen else suited(flow, names_)


def own_name(name: str, flow: Flow, settings: Settings) -> str:
    """The name under which a flow is deployed: the user's, else the backend's."""
    return flow.deployed_as or backend(name).deployed_name(flow.name, flow.project, flow.branch, settings)
