"""Flows: the one builder of flows of the model, for tests that need no source.

In:   words of the semantics (event, finish, trigger, mapping, constant, parameter), and where all of them stand.
Out:  values of `metaflow_triggers.model.flows`.

Not here: flow files (`tests/scenarios/rows.py`, `tests/unit/language/flows.py`), what a backend is given beside a flow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from metaflow_triggers.model.flows import (
    Constant,
    Dependency,
    EventDependency,
    Filter,
    FinishDependency,
    Flow,
    Mapping,
    Options,
    Origin,
    Parameter,
    PayloadField,
    Span,
    Trigger,
    TriggerGraph,
)

GRAPH = TriggerGraph((), (), (), ())
"""A graph that knows of nothing."""


def span(file: str, line: int = 1, column: int = 1) -> Span:
    """One character of a file."""
    return Span(file, line, column, line, column + 1)


@dataclass(frozen=True)
class At:
    """Makes elements that stand at `span`. Filters and options are given as values."""

    span: Span

    def mapping(self, parameter: str, field: str) -> Mapping:
        return Mapping(parameter, PayloadField(field), self.span)

    def constant(self, parameter: str, value: Any) -> Mapping:
        return Mapping(parameter, Constant(json.dumps(value)), self.span)

    def event(self, name: str, *mappings: Mapping, **more: Any) -> EventDependency:
        return replace(EventDependency(name, mappings, None, None, self.span), **written(more))

    def finish(self, flow: str, *match: str, project: str | None = None, **more: Any) -> FinishDependency:
        made = FinishDependency(flow, project, None, match or ("success",), (), None, self.span)
        return replace(made, **written(more))

    def trigger(
        self,
        *dependencies: Dependency,
        join: str = "any",
        stated: bool = True,
        auto_map: bool = False,
        options: str = "{}",
    ) -> Trigger:
        kind = "event" if dependencies and isinstance(dependencies[0], EventDependency) else "finish"
        return Trigger(kind, join, stated, dependencies, auto_map, Options(options), self.span)

    def parameter(
        self,
        name: str,
        kind: str = "str",
        *,
        required: bool = False,
        has_default: bool = False,
        is_config: bool = False,
    ) -> Parameter:
        return Parameter(name, kind, required, has_default, is_config, self.span)

    def flow(self, name: str, *triggers: Trigger, parameters: tuple[Parameter, ...] = (), **more: Any) -> Flow:
        made = Flow(name, self.span.file, None, None, parameters, triggers, None, (), (), self.span)
        return replace(made, **more)


def filtered(dependency: Any, pattern: Any) -> Any:
    """The dependency with a filter."""
    return replace(dependency, filter=Filter(json.dumps(pattern)))


def written(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of the model, those given as JSON text in the reader's spelling."""
    made = {"filter": Filter, "origin": Origin, "options": Options}
    texts = {key for key in made if fields.get(key) is not None}
    return {**fields, **{key: made[key](json.dumps(json.loads(fields[key]), sort_keys=True)) for key in texts}}
