"""Read: a Metaflow flow object and its source file become a `Flow`.

In:   the flow object (as Metaflow's command line has prepared it, with project and branch known),
      its `SourceFile`, the settings.
Out:  `Flow` with every deploy-time function called, and the diagnostics of forms that are not understood.

Not here: judging a well-formed trigger (`check`), other flows (`link`), backends.
A malformed dependency is reported and left out, so that all mistakes of a file are told at once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .. import seams
from ..diagnostics import Diagnostic
from ..model.flows import Flow, Parameter, Schedule
from ..model.settings import Settings
from .source import SourceFile
from .trigger import read_trigger
from .values import Reader, did_you_mean


def read_flow(
    flow: Any, source: SourceFile, settings: Settings, computes: Collection[str]
) -> tuple[Flow, list[Diagnostic]]:
    """The flow's model and what could not be understood. Raises nothing for a user's mistake.

    `computes` are step decorators with which a flow asks for a backend.
    """
    reader = Reader(flow, source, settings)
    _check_compatibility(reader)
    triggers = [
        trigger
        for name in ("trigger", "trigger_on_finish")
        for occurrence, decorator in enumerate(seams.flow_decorators(flow, name))
        if (trigger := read_trigger(reader, name, decorator, occurrence)) is not None
    ]
    return (
        Flow(
            name=flow.name,
            file=source.path,
            project=reader.project,
            branch=reader.branch,
            parameters=_parameters(reader),
            triggers=tuple(triggers),
            schedule=_schedule(reader),
            emits=reader.places.emitted(seams.namespace_prefix()),
            features=seams.features(flow, computes),
            span=reader.places.flow(),
        ),
        reader.diagnostics,
    )


def _check_compatibility(reader: Reader) -> None:
    """METAFLOW_TRIGGERS_COMPAT has a known value."""
    value = reader.settings.compatibility
    if value and value != "upstream":
        reader.diagnostics.append(
            Diagnostic(
                "FT007",
                f"METAFLOW_TRIGGERS_COMPAT is {value!r}, which is not known",
                helps=(*did_you_mean(value, ("upstream",)), "set it to `upstream`, or unset it"),
            )
        )


def _parameters(reader: Reader) -> tuple[Parameter, ...]:
    found = []
    for attribute, parameter in seams.flow_parameters(reader.flow):
        kwargs = parameter.kwargs
        found.append(
            Parameter(
                name=parameter.name,
                type=_type_name(kwargs),
                required=bool(kwargs.get("required", False)) and not parameter.IS_CONFIG_PARAMETER,
                has_default=kwargs.get("default") is not None,
                is_config=bool(parameter.IS_CONFIG_PARAMETER),
                span=reader.places.parameter(attribute),
            )
        )
    return tuple(found)


def _schedule(reader: Reader) -> Schedule | None:
    for occurrence, decorator in enumerate(seams.flow_decorators(reader.flow, "schedule")):
        text = getattr(decorator, "schedule", None)
        if text is None:
            continue
        from ..language import cron  # most flows have no schedule

        reader.decorator = ("schedule", occurrence)
        zone = getattr(decorator, "timezone", None)
        parsed = reader.read_cron("FT117", text, ("cron",), cron.parse)
        if zone is not None and not reader.knows_timezone("FT117", zone, ("timezone",)):
            return None
        if parsed is None:
            return None
        span = reader.places.decorator("schedule", occurrence)
        return Schedule(cron=parsed, timezone=zone, span=span)
    return None


def _type_name(kwargs: dict[str, Any]) -> str:
    kind = kwargs.get("type")
    if kind is None and not callable(kwargs.get("default")):
        kind = type(kwargs["default"]) if kwargs.get("default") is not None else str
    if kind is bool:
        return "bool"
    if kind is int:
        return "int"
    if kind is float:
        return "float"
    name = getattr(kind, "name", "")
    if name == "JSON" or kind in (dict, list):
        return "json"
    if type(kind).__name__ == "FilePathClass" or name == "FilePath":
        return "file"
    return "str"
