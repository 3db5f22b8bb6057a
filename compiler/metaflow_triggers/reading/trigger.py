"""Trigger: one `@trigger` or `@trigger_on_finish` becomes a trigger of the model.

In:   the decorator as Metaflow holds it.
Out:  the dependencies that are understood, how they are joined, the options; None where nothing is left.

Not here: the dependencies themselves (`dependency`), judging a well-formed trigger (`rules`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..model.flows import Dependency, Trigger
from .dependency import finish_reader, read_event
from .options import read_options
from .values import Path, Reader, did_you_mean, kind

_ARGUMENTS = {
    "trigger": ("event", "events", "options", "require"),
    "trigger_on_finish": ("flow", "flows", "match", "require", "parameters", "filter", "options"),
}


def read_trigger(reader: Reader, name: str, decorator: Any, occurrence: int) -> Trigger | None:
    """The trigger of the decorator `name`, the so many-th of its kind; None where no dependency is understood."""
    reader.decorator = (name, occurrence)
    arguments = dict(getattr(decorator, "raw_arguments", None) or decorator.attributes)
    known = _ARGUMENTS[name]
    unknown = [key for key in arguments if key not in known]
    unknown += [key for key in getattr(decorator, "unknown_arguments", {}) if key not in unknown]
    for key in unknown:
        reader.report(
            "FT112",
            f"`@{name}` of `{reader.flow.name}` has no argument `{key}`",
            (key,),
            "not an argument",
            key=True,
            helps=did_you_mean(key, known),
        )
    one, several = ("event", "events") if name == "trigger" else ("flow", "flows")
    items = _items(reader, name, arguments, one, several)
    if items is None:
        return None
    options = read_options(reader, arguments.get("options"))
    if name == "trigger":
        read: Callable[[Any, Path], Dependency | None] = partial(read_event, reader)
    else:
        read = finish_reader(reader, arguments)
    dependencies: list[Dependency] = []
    for path, item in items:
        dependency = read(item, path)
        if dependency is not None:
            dependencies.append(dependency)
    if not dependencies:
        return None
    join, stated = _join(reader, name, arguments.get("require"), len(items))
    auto_map = options.value.get("auto_map") is True
    if reader.as_upstream and name == "trigger" and len(items) == 1 and not dependencies[0].mappings:
        auto_map = options.value.get("auto_map", True) is True
    return Trigger(
        kind="event" if name == "trigger" else "finish",
        join=join,
        join_is_stated=stated,
        dependencies=tuple(dependencies),
        auto_map=auto_map,
        options=options,
        span=reader.places.decorator(name, occurrence),
    )


def _items(
    reader: Reader, name: str, arguments: dict[str, Any], one: str, several: str
) -> list[tuple[Path, Any]] | None:
    single, many = arguments.get(one), arguments.get(several)
    has_one = single is not None
    has_many = many is not None and not (isinstance(many, (list, tuple)) and not many)
    if has_one == has_many:
        what = f"both `{one}` and `{several}`" if has_one else f"neither `{one}` nor `{several}`"
        reader.report(
            "FT101",
            f"`@{name}` of `{reader.flow.name}` has {what}",
            (several,) if has_one else (),
            "give exactly one of the two",
            helps=(f"write `@{name}({one}=...)` for one, `@{name}({several}=[...])` for several",),
        )
        return None
    if has_one:
        return [((one,), single)]
    if callable(many):
        called, many = reader.call(many, (several,))
        if not called:
            return None
        if not isinstance(many, (list, tuple)):
            reader.returned((several,), many, "a list")
            return None
        if not many:
            reader.returned((several,), many, "a list with at least one element")
            return None
    if not isinstance(many, (list, tuple)):
        code = "FT102" if name == "trigger" else "FT108"
        reader.report(
            code,
            f"`{several}=` of `{reader.flow.name}` is {kind(many)}, expected a list",
            (several,),
            "expected a list",
            helps=(f"write `{one}=...` for a single one",),
        )
        return None
    return [((several, index), item) for index, item in enumerate(many)]


def _join(reader: Reader, name: str, require: Any, count: int) -> tuple[str, bool]:
    if require is not None and require not in ("any", "all"):
        reader.report(
            "FT106",
            f"`require={require!r}` of `{reader.flow.name}` is not understood",
            ("require",),
            "expected 'any' or 'all'",
            helps=did_you_mean(str(require), ("any", "all")) or ("write `require='any'` or `require='all'`",),
        )
        require = None
    if count == 1:
        return "any", True
    if require is not None:
        return require, True
    return ("all" if name == "trigger" or reader.as_upstream else "any"), False
