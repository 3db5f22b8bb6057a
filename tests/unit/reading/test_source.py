"""Places in a user's file, without running it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.model.flows import Span
from metaflow_triggers.reading.source import SourceFile

TEXT = """\
import metaflow
from metaflow import FlowSpec, Parameter, step, emit_event, trigger as t, trigger_on_finish

EVENT = {"name": "elsewhere", "parameters": {"usr": "user"}}
NAME = "from-a-constant"
TWICE = {"name": "one"}
TWICE = {"name": "two"}


@t(event="signup")
class Welcome(FlowSpec):
    user_id = Parameter("user_id")

    @step
    def start(self):
        emit_event("welcomed", {"x": 1})
        metaflow.emit_event(name=NAME)
        emit_event(f"computed-{self.user_id}")


@metaflow.trigger(
    events=[
        "日本", {"name": "b",
          "parameters": {"user": "userId", "user": "second"}},
        {"name": "c", "parameters": ["same", ("flow", "event")]},
        dict(name="d", filter={"k": [1]}),
    ],
    options={"auto_map": True},
)
@trigger_on_finish(flow="A")
@trigger_on_finish(flow="B", match=("success", "failur"))
class \\
    Second(Welcome):
    other: str = Parameter("other", default="")

    @step
    def start(self):
        emit_event("second")


@t(event=EVENT)
class Third(FlowSpec): pass


@t(event=TWICE)
class Fourth(FlowSpec): pass


def helper():
    emit_event("from-the-module")
"""

SOURCE = SourceFile("flows/a.py", TEXT)


def at(span, text=TEXT):
    """The text that a span covers."""
    lines = text.split("\n")
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    first, last = lines[span.line - 1][span.column - 1 :], lines[span.end_line - 1][: span.end_column - 1]
    return "\n".join([first, *lines[span.line : span.end_line - 1], last])


def test_classes_and_decorators():
    assert at(SOURCE.class_span("Welcome")) == "Welcome"
    assert at(SOURCE.class_span("Second")) == "class"
    assert SOURCE.class_span("Unknown") == Span("flows/a.py", 1, 1, 1, 1)
    assert at(SOURCE.decorator_span("Welcome", "trigger")) == "t"
    assert at(SOURCE.decorator_span("Second", "trigger")) == "metaflow.trigger"
    assert at(SOURCE.decorator_span("Welcome", "schedule")) == "Welcome"
    assert SOURCE.decorator_span("Second", "trigger_on_finish", 1).line == 31
    assert at(SOURCE.decorator_span("Second", "trigger_on_finish", 2)) == "class"


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        (("events", 0), False, '"日本"'),
        (("events", 1, "name"), False, '"b"'),
        (("events", 1, "name"), True, '"name"'),
        (("events", 1, "parameters", "user"), False, '"second"'),
        (("events", 1, "parameters", "user"), True, '"user"'),
        (("events", 2, "parameters", 0), False, '"same"'),
        (("events", 2, "parameters", 0), True, '"same"'),
        (("events", 2, "parameters", 1, 1), False, '"event"'),
        (("events", 2, "parameters", "flow"), True, '"flow"'),
        (("events", 2, "parameters", "same"), False, '"same"'),
        (("events", 3, "name"), False, '"d"'),
        (("events", 3, "filter"), True, "filter"),
        (("events", 3, "filter", "k", 0), False, "1"),
        (("options",), True, "options"),
        (("options", "auto_map"), False, "True"),
        (("options", "missing", 3, "more"), False, '{"auto_map": True}'),
        (("events", 0, "deeper"), False, '"日本"'),
        (("missing",), False, "metaflow.trigger"),
        ((), False, "metaflow.trigger"),
    ],
)
def test_the_smallest_place_on_the_way(path, key, expected):
    assert at(SOURCE.locate("Second", "trigger", path, key=key)) == expected


def test_of_equal_keys_the_last_counts():
    span = SOURCE.locate("Second", "trigger", ("events", 1, "parameters", "user"), key=True)
    assert (span.line, span.column) == (24, 44)


def test_decorators_of_one_name_are_counted_from_above():
    assert at(SOURCE.locate("Second", "trigger_on_finish", ("flow",), occurrence=1)) == '"B"'
    assert at(SOURCE.locate("Second", "trigger_on_finish", ("match", 1), occurrence=1)) == '"failur"'


def test_a_name_that_is_assigned_once_is_followed():
    assert at(SOURCE.locate("Third", "trigger", ("event",))) == "EVENT"
    assert at(SOURCE.locate("Third", "trigger", ("event", "parameters", "usr"), key=True)) == '"usr"'
    assert at(SOURCE.locate("Fourth", "trigger", ("event", "name"))) == "TWICE"


def test_parameters_also_of_a_base_class():
    assert at(SOURCE.parameter_span("Second", "other")) == "other"
    assert SOURCE.parameter_span("Second", "user_id") == SOURCE.parameter_span("Welcome", "user_id")
    assert at(SOURCE.parameter_span("Welcome", "missing")) == "Welcome"


def test_emitted_events():
    def names(class_name):
        return [event.name for event in SOURCE.emitted_events(class_name)]

    assert names("Welcome") == ["welcomed", "from-a-constant", "from-the-module"]
    assert names("Second") == ["welcomed", "from-a-constant", "second", "from-the-module"]
    assert names("Third") == ["from-the-module"]
    assert at(SOURCE.emitted_events("Welcome")[0].span) == '"welcomed"'


def test_namespaced_events_and_upstreams_way_to_publish():
    source = SourceFile(
        "a.py",
        'emit_event(namespaced_event_name("x"), {})\nArgoEvent(name="y").publish()\nlog.emit_event(3)\nemit_event()\n',
    )
    assert [event.name for event in source.emitted_events("F", "p.b.")] == ["p.b.x", "y"]


def test_columns_count_characters():
    text = 'é = "日本"; x = 1\n@trigger(event="日本" "é", events=["bad"])\nclass Ünï(FlowSpec): pass\n'
    source = SourceFile("a.py", text)
    assert at(source.locate("Ünï", "trigger", ("event",)), text) == '"日本" "é"'
    assert at(source.locate("Ünï", "trigger", ("events", 0)), text) == '"bad"'
    assert at(source.class_span("Ünï"), text) == "Ünï"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_mark(end):
    text = end.join(["\ufeff# first \x0c line", "x = '\u2028'", "@trigger(event='bad')", "class F(FlowSpec): pass", ""])
    source = SourceFile("a.py", text)
    span = source.locate("F", "trigger", ("event",))
    assert (span.line, span.column, span.end_column) == (3, 16, 21)
    assert source.class_span("F") == Span("a.py", 4, 7, 4, 8)


def test_a_starred_element_hides_what_follows():
    text = "@trigger(events=['a', *MORE, 'b'])\nclass F(FlowSpec): pass\n"
    source = SourceFile("a.py", text)
    assert at(source.locate("F", "trigger", ("events", 0)), text) == "'a'"
    assert at(source.locate("F", "trigger", ("events", 2)), text) == "['a', *MORE, 'b']"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "class F(",
        "\0",
        "x = '\ud800'",
        "(" * 5000,
        "class F: pass\nclass F(F): a = 1",
        "@t\nclass F(G): pass\nclass G(F): pass",
    ],
)
def test_weird_files_raise_nothing(text):
    source = SourceFile("a.py", text)
    everything(source, "F")


def everything(source, name):
    spans = [
        source.class_span(name),
        source.decorator_span(name, "trigger"),
        source.parameter_span(name, "x"),
        *(event.span for event in source.emitted_events(name)),
    ]
    for key in (False, True):
        spans += [
            source.locate(name, "trigger", path, key=key)
            for path in ((), ("events",), ("events", 1, "parameters", "user"), (0,), ("events", -1), ("x", 1.5, None))
        ]
    for span in spans:
        assert 1 <= span.line <= span.end_line and span.column >= 1 and span.end_column >= 1
    return spans


@given(st.randoms(use_true_random=False), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_raises_nothing(chance: random.Random, cuts):
    text = TEXT
    for _ in range(cuts):
        where = chance.randrange(len(text))
        text = text[:where] + chance.choice(["", "\n", "(", "]", '"', "\0", "é", "*", "class "]) + text[where + 1 :]
    source = SourceFile("a.py", text)
    assert everything(source, "Second") == everything(SourceFile("a.py", text), "Second")
