"""The decorator objects: what the compiler and other deployers read from them."""

from __future__ import annotations

import pytest
from metaflow import current
from metaflow.exception import MetaflowException
from metaflow.parameters import DeployTimeField, ParameterContext
from metaflow.plugins.events_decorator import TriggerDecorator as Upstream
from metaflow.plugins.events_decorator import TriggerOnFinishDecorator as UpstreamOnFinish
from metaflow_extensions.triggers.contract.event_reader import select
from metaflow_extensions.triggers.plugins.decorators import (
    TriggerDecorator,
    TriggerOnFinishDecorator,
    call_with_context,
)
from metaflow_extensions.triggers.plugins.trigger_object import Trigger

NOTHING = (None,) * 7
CONTEXT = ParameterContext("F", "alice", None, print, "local", None)


def initialised(cls, **arguments):
    decorator = cls(attributes=arguments)
    decorator.external_init()
    decorator.flow_init(*NOTHING, {"trigger": None})
    return decorator


@pytest.mark.parametrize(
    "arguments",
    [
        {"event": "a"},
        {"event": {"name": "a", "parameters": {"p": "f"}}},
        {"events": ["a", {"name": "b", "parameters": ["x", ("y", "z")]}]},
        {"event": {"name": "a", "parameters": None}},
    ],
)
def test_triggers_are_in_metaflows_form(arguments):
    ours, theirs = initialised(TriggerDecorator, **arguments), initialised(Upstream, **arguments)
    assert ours.triggers == theirs.triggers
    ours.format_deploytime_value()
    assert ours.triggers == theirs.triggers
    assert ours.raw_arguments == arguments


@pytest.mark.parametrize("arguments", [{"flow": "A"}, {"flows": ["p.b.A", {"name": "B", "project": "q"}]}])
def test_flows_are_in_metaflows_form(arguments):
    assert initialised(TriggerOnFinishDecorator, **arguments).triggers == (
        initialised(UpstreamOnFinish, **arguments).triggers
    )


def test_more_forms_have_a_counterpart():
    ours = initialised(TriggerDecorator, events=("a", {"name": "b", "parameters": ("x",)}), require="all")
    assert ours.triggers == [{"name": "a"}, {"name": "b", "parameters": {"x": "x"}}]
    ours = initialised(TriggerOnFinishDecorator, flow="p.production.A", match="success")
    assert (ours.triggers[0]["branch"], ours.triggers[0]["project"]) == ("prod", "p")


def test_functions_are_evaluated_at_deploy_time_only():
    seen = []
    ours = initialised(TriggerDecorator, event=lambda context: seen.append(context) or "late")
    assert isinstance(ours.triggers[0], DeployTimeField)
    assert not seen
    assert call_with_context(lambda context: (context.user, context.user_name, context.flow_name), CONTEXT) == (
        "alice",
        "alice",
        "F",
    )
    assert call_with_context(lambda: "nothing", CONTEXT) == "nothing"
    with pytest.raises(TypeError, match="mine"):
        call_with_context(_raises_type_error, CONTEXT)


def _raises_type_error(context):
    raise TypeError("mine")


def test_arguments_stay_as_written():
    event = {"name": "a", "parameters": ["x"]}
    ours = initialised(TriggerDecorator, event=event, unknown=[1], require="all")
    assert event == {"name": "a", "parameters": ["x"]}
    assert ours.raw_arguments == {"event": event, "unknown": [1], "require": "all"}
    assert ours.unknown_arguments == {"unknown": [1]}
    assert initialised(TriggerDecorator).raw_arguments == {}


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (TriggerDecorator, {"event": {"name": "a", "parameters": {"p": {"value": 1}}}}),
        (TriggerDecorator, {"event": {"name": "a", "filter": {"x": [1]}}}),
        (TriggerDecorator, {"event": {"name": "a", "origin": {"step-functions": {"source": "aws.s3"}}}}),
        (TriggerDecorator, {"events": ["a", "b"], "require": "any"}),
        (TriggerDecorator, {"event": 5}),
        (TriggerDecorator, {"event": "a", "events": ["b"]}),
        (TriggerDecorator, {"event": {"nome": "x"}}),
        (TriggerOnFinishDecorator, {}),
        (TriggerOnFinishDecorator, {"flows": [lambda context: "A"]}),
        (TriggerDecorator, {}),
        (TriggerOnFinishDecorator, {"flow": "A", "match": "failure"}),
        (TriggerOnFinishDecorator, {"flow": {"name": "A", "match": ["timeout"]}}),
        (TriggerOnFinishDecorator, {"flow": "A", "parameters": ["run_id"]}),
        (TriggerOnFinishDecorator, {"flow": "A", "filter": {"step": ["train"]}}),
        (TriggerOnFinishDecorator, {"flows": ["A", "B"], "require": "any"}),
        (TriggerOnFinishDecorator, {"flow": "p.A"}),
    ],
)
def test_what_metaflows_form_cannot_say_is_never_changed_and_never_silent(cls, arguments):
    ours = initialised(cls, **arguments)
    with pytest.raises(MetaflowException):
        _ = ours.triggers  # a compiler that knows only Metaflow's form would deploy the flow without what starts it
    with pytest.raises(MetaflowException):
        ours.format_deploytime_value()
    assert ours.raw_arguments == arguments


def test_trigger_object():
    body = {"name": "e", "id": "1", "timestamp": "2026-01-02T03:04:05Z", "payload": {"a": 1}}
    later = {"name": "f", "id": "2", "timestamp": "2026-01-02T03:04:06+00:00", "payload": {"b": 2}}
    events = [{"transport": "local", "event": item} for item in (body, later)]
    trigger = Trigger.of_events(select({"version": 1, "events": events}))
    assert (trigger.event_name, trigger.payload, trigger.id) == ("f", {"b": 2}, "2")
    assert trigger.timestamp.isoformat() == "2026-01-02T03:04:06+00:00"
    assert [item.payload for item in trigger.events] == [{"b": 2}, {"a": 1}]
    assert trigger["e"].payload == {"a": 1}
    assert "e" in trigger
    assert "g" not in trigger
    assert (trigger.run, trigger.runs, trigger.event._fields) == (None, None, ("name", "id", "timestamp", "type"))
    assert current.trigger is None
