"""`trigger`, `TriggerResult` and `Context`, as a file uses them without any engine."""

import functools
import json
from datetime import datetime

import pytest
from metaflow_triggers.poll import Context, PollError, TriggerResult, trigger
from metaflow_triggers.poll.declare import collecting, declared


def declare(**arguments):
    """What a declaration of a small function leaves in the registry."""
    with collecting() as collected:

        @trigger(**{"workflow": "Flow", **arguments})
        def watch():
            return TriggerResult.skip()

    (one,) = collected.declared
    return one


# trigger ------------------------------------------------------------------------------------------------------------


def test_the_decorated_function_is_the_same_and_can_be_called():
    def watch():
        return TriggerResult.fire()

    with collecting():
        assert trigger(workflow="Flow")(watch) is watch
    assert watch().is_fire_result() is True


def test_defaults_are_the_functions_name_five_seconds_and_one_run_at_a_time():
    one = declare()
    assert (one.name, one.workflow, one.interval_milliseconds, one.allow_concurrent) == ("watch", "Flow", 5000, False)


def test_everything_can_be_said():
    one = declare(name="inbox", poll_interval=" 100ms ", allow_concurrent=True, dedup_keys=["path"], dedup="active")
    assert (one.name, one.interval, one.interval_milliseconds) == ("inbox", "100ms", 100)
    assert (one.allow_concurrent, one.dedup_keys, one.dedup) == (True, ("path",), "active")
    assert declare(dedup="once").dedup == "once"


def test_the_workflow_may_come_first_or_be_called_on():
    with collecting() as collected:
        trigger("First")(lambda_named("a"))
        trigger(on="Second")(lambda_named("b"))
        trigger("Third", on="Third")(lambda_named("c"))
    assert [item.workflow for item in collected.declared] == ["First", "Second", "Third"]


def lambda_named(name):
    def function():
        return TriggerResult.skip()

    function.__name__ = name
    return function


def test_a_program_knows_what_it_has_declared():
    before = len(declared())
    trigger(workflow="Flow", name="of the program")(lambda: TriggerResult.skip())
    assert [item.name for item in declared()[before:]] == ["of the program"]


def test_a_counter_by_direct_calls():
    calls = [0]

    @trigger(workflow="Flow", name="every third")
    def third():
        calls[0] += 1
        return TriggerResult.fire() if calls[0] == 3 else TriggerResult.skip()

    assert [third().is_fire_result() for _ in range(4)] == [False, False, True, False]


async def coroutine():
    return TriggerResult.skip()


def generator():
    yield TriggerResult.skip()


def needs(one):
    return one


class Callable_:
    def __call__(self):
        return TriggerResult.skip()


class AsyncCallable:
    async def __call__(self):
        return TriggerResult.skip()


WRONG = [
    ("FT710", TypeError, {"workflow": None}, None),
    ("FT710", TypeError, {"workflow": 3}, None),
    ("FT710", ValueError, {"workflow": " "}, None),
    ("FT710", ValueError, {"workflow": "A", "on": "B"}, None),
    ("FT711", TypeError, {"name": 3}, None),
    ("FT711", ValueError, {"name": ""}, None),
    ("FT711", ValueError, {"name": " x"}, None),
    ("FT711", ValueError, {"name": "x\x1b[2J"}, None),
    ("FT711", ValueError, {"name": "x" * 129}, None),
    ("FT711", ValueError, {}, lambda: TriggerResult.skip()),
    ("FT711", ValueError, {}, functools.partial(needs, 1)),
    ("FT712", TypeError, {"poll_interval": 5}, None),
    ("FT712", ValueError, {"poll_interval": "5"}, None),
    ("FT713", TypeError, {}, coroutine),
    ("FT713", TypeError, {"name": "x"}, AsyncCallable()),
    ("FT713", TypeError, {}, generator),
    ("FT713", TypeError, {}, needs),
    ("FT713", TypeError, {}, Callable_),
    ("FT713", TypeError, {}, "text"),
    ("FT714", TypeError, {"allow_concurrent": "no"}, None),
    ("FT714", TypeError, {"poll_intervall": "5s"}, None),
    ("FT714", ValueError, {"dedup": "never"}, None),
    ("FT714", TypeError, {"dedup_keys": "path"}, None),
    ("FT715", TypeError, {"cron": "0 3 * * *"}, None),
    ("FT715", TypeError, {"timezone": "UTC"}, None),
]


@pytest.mark.parametrize(
    ("code", "kind", "arguments", "function"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_wrong_declaration_raises_with_a_code(code, kind, arguments, function):
    def watch():
        return TriggerResult.skip()

    before = declared()
    with pytest.raises(kind, match=code) as caught:
        trigger(**{"workflow": "Flow", **arguments})(watch if function is None else function)
    assert isinstance(caught.value, PollError)
    assert caught.value.code == code
    assert declared() == before


def test_a_bare_decorator_says_what_is_missing():
    with pytest.raises(TypeError, match="FT710: `trigger` is written without its arguments"):
        trigger(coroutine)


def test_a_callable_object_with_a_name_is_fine():
    with collecting() as collected:
        trigger(workflow="Flow", name="x")(Callable_())
    assert collected.declared[0].name == "x"


def test_all_mistakes_of_a_declaration_are_told_at_once_while_a_file_is_read():
    with collecting() as collected:

        @trigger(workflow=None, name="", poll_interval="soon")
        async def watch(): ...

    assert [item.error.code for item in collected.mistakes] == ["FT710", "FT712", "FT711", "FT713"]
    assert collected.declared == []


# TriggerResult ------------------------------------------------------------------------------------------------------


def test_skip_and_fire_say_which_they_are():
    assert TriggerResult.skip().is_skip_result() is True
    assert TriggerResult.skip().is_fire_result() is False
    assert TriggerResult.fire().is_fire_result() is True
    assert TriggerResult.fire().is_skip_result() is False
    assert "Skip" in repr(TriggerResult.skip())
    assert "Fire" in repr(TriggerResult.fire())
    assert "Fire" in repr(TriggerResult.fire(Context({"a": 1})))


def test_a_fire_keeps_its_context_as_it_was():
    context = Context({"a": [1]})
    result = TriggerResult.fire(context)
    context["a"] = 2
    result.context["a"] = 3
    assert result.context.to_dict() == {"a": [1]}
    assert TriggerResult.fire().context is None
    assert TriggerResult.skip().context is None


def test_a_result_has_no_constructor_takes_no_dict_and_does_not_change():
    with pytest.raises(TypeError, match="FT719"):
        TriggerResult()
    with pytest.raises(TypeError, match=r"FT719.*Context\(\{"):
        TriggerResult.fire({"path": "a.csv"})
    with pytest.raises(AttributeError):
        TriggerResult.skip().context = Context()


# Context ------------------------------------------------------------------------------------------------------------


def test_a_context_is_read_and_written_as_a_mapping():
    context = Context({"b": 1, "a": (1, 2)})
    assert context.get("b") == 1
    assert context.get("none") is None
    assert context.get("none", 5) == 5
    assert "a" in context
    assert len(context) == 2
    assert context["a"] == [1, 2]
    context["c"] = None
    context.set("b", {"x": True})
    context.insert("d", 1.5)
    context.update("d", "text")
    context.update_from_dict({"e": []})
    assert context.remove("c") is None
    assert context.remove("never") is None
    assert context.remove("e") == []
    del context["a"]
    assert context.to_dict() == {"b": {"x": True}, "d": "text"}
    assert list(context) == ["b", "d"]
    assert context == Context({"b": {"x": True}, "d": "text"})
    with pytest.raises(ValueError, match="has 'b' already"):
        context.insert("b", 1)
    with pytest.raises(KeyError):
        context.update("none", 1)
    with pytest.raises(KeyError):
        context["none"]


def test_json_text_goes_both_ways_and_keeps_the_order():
    context = Context({"z": 1, "a": "\u2028 \U0001f600", "m": {"y": [None, True, -1.5]}})
    assert list(json.loads(context.to_json())) == ["z", "a", "m"]
    assert Context.from_json(context.to_json()) == context
    for text in ("[1]", "{", "NaN", '{"a": NaN}'):
        with pytest.raises(ValueError):
            Context.from_json(text)


def test_what_a_context_gives_can_be_changed_without_changing_it():
    context = Context({"a": [1]})
    context.to_dict()["a"].append(2)
    assert context.to_dict() == {"a": [1]}


loop = []
loop.append(loop)


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        float("nan"),
        float("inf"),
        b"bytes",
        datetime(2026, 1, 1),
        {1: "a"},
        2**63,
        -(2**63) - 1,
        "a\0b",
        "\ud800",
        {"\ud800": 1},
        object(),
        loop,
        [[{"deep": [float("nan")]}]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_text_is_refused_and_nothing_is_kept(value):
    context = Context({"before": 1})
    with pytest.raises((TypeError, ValueError), match="FT718"):
        context.update_from_dict({"fine": 1, "wrong": value})
    assert context.to_dict() == {"before": 1}


def test_what_was_changed_inside_is_looked_at_again_when_it_is_fired():
    context = Context({"list": [1]})
    context["list"].append(float("nan"))
    with pytest.raises(ValueError, match=r"context\['list'\]\[1\] is nan"):
        TriggerResult.fire(context)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 1e300, 0.1, "", "x" * 1000, [[[]]], {"": None}])
def test_the_edges_of_what_is_allowed(value):
    assert Context({"v": value}).to_dict() == {"v": value}


def test_keys_are_text_and_a_context_is_made_of_a_mapping():
    with pytest.raises(TypeError, match="FT718"):
        Context({1: 2})
    with pytest.raises(TypeError, match="FT718"):
        Context().set(None, 1)
    with pytest.raises(TypeError, match="made of a dict"):
        Context([("a", 1)])
