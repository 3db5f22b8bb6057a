"""Mapping: `parameters=` of a dependency becomes mappings, flow parameter <- payload field or constant.

In:   what the user wrote, its path.
Out:  the mappings that are understood.

Not here: whether the flow has such a parameter (`rules`).
"""

from __future__ import annotations

from typing import Any

from .. import seams
from ..model.flows import Constant, Mapping, PayloadField
from .values import Path, Reader, is_plain, is_text, json_text, kind


def read_mappings(reader: Reader, parameters: Any, path: Path) -> tuple[Mapping, ...]:
    """The mappings that are understood; the others are reported."""
    if callable(parameters):
        called, parameters = reader.call(parameters, path)
        if not called:
            return ()
        if not isinstance(parameters, (dict, list, tuple)):
            reader.returned(path, parameters, "a dict or a list")
            return ()
    if parameters is None:
        return ()
    if isinstance(parameters, tuple) and reader.as_upstream:
        reader.report(
            "FT111",
            f"a tuple of parameters of `{reader.flow.name}` is dropped, as Metaflow does",
            path,
            "has no effect",
            helps=("write a list",),
            severity="warning",
        )
        return ()
    if isinstance(parameters, dict):
        pairs = [(name, source, (*path, name), (*path, name)) for name, source in parameters.items()]
    elif isinstance(parameters, (list, tuple)):
        pairs = []
        for index, item in enumerate(parameters):
            at = (*path, index)
            if isinstance(item, str):
                pairs.append((item, item, at, at))
            elif isinstance(item, (tuple, list)) and len(item) == 2:
                pairs.append((item[0], item[1], (*at, 0), (*at, 1)))
            else:
                _bad_mapping(reader, item, at)
    else:
        _bad_mapping(reader, parameters, path)
        return ()
    found = []
    for name, field, name_path, field_path in pairs:
        mapping = _mapping(reader, name, field, name_path, field_path)
        if mapping is not None:
            found.append(mapping)
    return tuple(found)


def _mapping(reader: Reader, name: Any, field: Any, name_path: Path, field_path: Path) -> Mapping | None:
    key = name_path == field_path
    if not isinstance(name, str) or not name or not is_text(name):
        _bad_mapping(reader, name, name_path)
        return None
    if isinstance(field, str):
        if not field or not is_text(field):
            reader.report(
                "FT111", f"parameter `{name}` of `{reader.flow.name}` maps an impossible field {field!r}", field_path
            )
            return None
        return Mapping(_parameter(reader, name), PayloadField(field), reader.span(name_path, key=key))
    if isinstance(field, dict) and set(field) == {"value"}:
        text = _constant(reader, name, field["value"], field_path)
        return None if text is None else Mapping(name, Constant(text), reader.span(name_path, key=key))
    _bad_mapping(reader, field, field_path)
    return None


def _parameter(reader: Reader, name: str) -> str:
    """The parameter that is meant: upstream takes its name in any case where the parameter's own is lower case."""
    if not reader.as_upstream:
        return name
    return name.lower() if name.lower() in {item.name for _, item in seams.flow_parameters(reader.flow)} else name


def _constant(reader: Reader, name: str, value: Any, path: Path) -> str | None:
    try:
        text = json_text(value)
        plain = is_plain(value)
    except (TypeError, ValueError, RecursionError):
        plain = False
    if not plain:
        reader.report(
            "FT307",
            f"the constant for parameter `{name}` of `{reader.flow.name}` is not a JSON value",
            path,
            "expected text, a finite number, a boolean, a list or a dict of these",
        )
        return None
    if value is None:
        reader.report(
            "FT307",
            f"the constant for parameter `{name}` of `{reader.flow.name}` is null",
            path,
            "a parameter that gets nothing has its default: leave it out",
        )
        return None
    return text


def _bad_mapping(reader: Reader, found: Any, path: Path) -> None:
    reader.report(
        "FT111",
        f"a parameter mapping of `{reader.flow.name}` is {kind(found)}",
        path,
        "not understood",
        helps=(
            "write {'flow_parameter': 'event_field'}, ['same_name', ('flow_parameter', 'event_field')],"
            " or {'flow_parameter': {'value': constant}}",
        ),
    )
