"""Small flows for the engine's tests, as the model has them."""

from __future__ import annotations

import json
from dataclasses import replace

from metaflow_triggers.model.flows import Parameter

from tests.link.build import all_of, any_of, event, finished, flow, needed, parameter, span

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
    return lambda file, line: replace(dependency(file, line), filter=json.dumps(pattern))


def with_options(trigger, **options):
    return lambda file, line: replace(trigger(file, line), options=json.dumps(options))


def integer(name, required=False):
    return lambda file, line: Parameter(name, "int", required, False, False, span(file, line))
