"""Small flows for the engine's tests, as the model has them."""

from __future__ import annotations

import json
from dataclasses import replace

from metaflow_triggers.model.flows import Options

from tests.flows import At
from tests.flows import filtered as with_filter
from tests.unit.graph.build import all_of, any_of, event, finished, flow, needed, parameter, span

__all__ = [
    "all_of",
    "any_of",
    "event",
    "filtered",
    "finished",
    "flow",
    "integer",
    "needed",
    "parameter",
    "with_options",
]


def filtered(dependency, pattern):
    return lambda file, line: with_filter(dependency(file, line), pattern)


def with_options(trigger, **options):
    return lambda file, line: replace(trigger(file, line), options=Options(json.dumps(options)))


def integer(name, required=False):
    return lambda file, line: At(span(file, line)).parameter(name, "int", required=required)
