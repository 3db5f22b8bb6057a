"""What is said of an event: every cause once, with its words; the part of a filter that said no; text and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.language import filters, refusing
from metaflow_triggers.manifests.schemas import findings, load_schema
from metaflow_triggers.model.flows import Parameter
from metaflow_triggers.trail import causes, judge
from metaflow_triggers.trail.answer import STATES, Answer, Run, exit_code, verdict
from metaflow_triggers.trail.json import as_json, as_value
from metaflow_triggers.trail.question import Asked, Question
from metaflow_triggers.trail.text import text

from tests.flows import At, span

AT = At(span("flow.py"))
EVENT = AT.event("paid", AT.mapping("n", "order.n"), filter='{"order": {"kind": ["new", {"prefix": "re"}]}}')
FLOW = AT.flow("Pay", AT.trigger(EVENT), parameters=(Parameter("n", "int", True, False, False, AT.span),))
ASKED = Asked("Pay", "pay", FLOW)
NO_END = 'there and not text that ends with "p"'
ANY_CASE = 'text that begins with "A" in any case'


def facts_of(kind: causes.Kind) -> set[str]:
    return set(re.findall(r"{(\w+)}", kind.words))


def test_each_cause_stands_once_and_the_schema_knows_it() -> None:
    declared = load_schema("trail/answers")["$defs"]["cause"]["properties"]["code"]["enum"]
    assert sorted(declared) == sorted(causes.KINDS) and len(declared) == len(set(declared))
    assert len({kind.words for kind in causes.KINDS.values()}) == len(causes.KINDS)
    assert load_schema("trail/answers")["$defs"]["run"]["properties"]["state"]["enum"] == list(STATES)


@pytest.mark.parametrize("kind", causes.KINDS.values(), ids=lambda kind: kind.code)
def test_a_cause_is_said_with_its_facts_and_not_without(kind: causes.Kind) -> None:
    needed = facts_of(kind)
    told = kind(**dict.fromkeys(needed, "{x}"), **{name: None for name, _ in kind.more})
    assert told.words == re.sub(r"{\w+}", "{x}", kind.words), "a fact is data, braces and all"
    whole = kind(**dict.fromkeys(needed, "x"), **{name: "more" for name, _ in kind.more})
    assert whole.words.count("more") >= len(kind.more) and whole.words.startswith(kind.words.split("{")[0])
    for name in needed:
        with pytest.raises(TypeError, match=kind.code):
            kind(**dict.fromkeys(needed - {name}, "x"))
    with pytest.raises(TypeError, match=kind.code):
        kind(**dict.fromkeys(needed, "x"), other="x")


@pytest.mark.parametrize(
    ("pattern", "payload", "said"),
    [
        ({"a": ["x"]}, {"a": "y"}, [("a", '"x"', '"y"')]),
        ({"a": ["x", None, 3]}, {}, [("a", '"x" or null or 3', "nothing")]),
        ({"a": {"b": [{"prefix": "p"}]}}, {"a": {"b": "q"}}, [("a.b", 'text that begins with "p"', '"q"')]),
        ({"a.b": [{"exists": True}]}, {"a": {}}, [("a.b", "there", "nothing")]),
        ({"a": [{"exists": False}]}, {"a": None}, [("a", "absent", "null")]),
        ({"a": [{"numeric": [">=", 5, "<", 10]}]}, {"a": 10}, [("a", ">= 5 and < 10", "10")]),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "x"}, [("a", 'there and not "x" or "y"', '"x"')]),
        ({"a": [{"anything-but": {"suffix": "p"}}]}, {"a": "p"}, [("a", NO_END, '"p"')]),
        ({"a": [{"prefix": {"equals-ignore-case": "A"}}]}, {"a": 1}, [("a", ANY_CASE, "1")]),
        ({"a": [{"equals-ignore-case": "AB"}]}, {"a": "b"}, [("a", 'text equal to "AB" in any case', '"b"')]),
        ({"a": [1], "b": [2]}, {"a": 2, "b": 1}, [("a", "1", "2"), ("b", "2", "1")]),
        ({"a": [9]}, {"a": [1, 2, 3, 4, 5]}, [("a", "9", "1, 2, 3 and 2 more")]),
        ({"a": ["x"]}, {"a": "y" * 200}, [("a", '"x"', '"' + "y" * 76 + "...")]),
        ({"a": ["x"]}, {"a": "x"}, []),
    ],
)  # fmt: skip
def test_the_part_of_a_filter_that_said_no(pattern: Any, payload: Any, said: list[tuple[str, str, str]]) -> None:
    assert filters.problems(pattern) == []
    found = refusing.refusing(pattern, payload)
    assert [(item.path, item.wanted, item.found) for item in found] == said
    assert not any(item.together for item in found)


def test_each_field_of_a_list_matches_and_no_element_has_all() -> None:
    pattern = {"items": {"kind": ["a"], "size": [2]}, "z": ["end"]}
    payload = {"items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}], "z": "end"}
    (found,) = refusing.refusing(pattern, payload)
    assert found.together and found.wanted == '`items.kind` "a" and `items.size` 2' and found.found == "1, 2"
    assert refusing.refusing(pattern, {**payload, "items": [{"kind": "a", "size": 2}]}) == []


@pytest.mark.parametrize(
    ("payload", "codes", "unfit"),
    [
        ({"order": {"kind": "new", "n": 1}}, [], False),
        ({"order": {"kind": "new", "n": "x"}}, [], True),
        ({"order": {"kind": "new"}}, ["missing-field"], False),
        ({"order": {"kind": "new", "n": None}}, ["missing-field"], False),
        ({"order": {"kind": "old", "n": 1}}, ["filter"], False),
        ({"order": {"kind": "old"}}, ["filter"], False),
        ({}, ["filter"], False),
    ],
)
def test_a_flow_judges_a_payload(payload: dict[str, Any], codes: list[str], unfit: bool) -> None:
    (found,) = judge.judged(ASKED, "paid", payload)
    assert ([cause.code for cause in found.refusals], found.unfit is not None) == (codes, unfit)
    assert judge.judged(ASKED, "other", payload) == []
    cause, also = judge.before_arrival(ASKED, "paid", payload)
    assert (cause.code, also) == (codes[0] if codes else "not-arrived", ())
    assert judge.before_arrival(ASKED, "paid", None)[0].code == "not-kept"


def test_what_is_tried_without_a_name() -> None:
    other = Asked("Other", "other", None)
    question = Question("1", None, None, (ASKED, other))
    assert question.names(ASKED) == ("paid",) and question.listening() == (ASKED, other)
    named = Question("1", "paidd", None, (ASKED, other))
    assert named.names(ASKED) == () and named.listening() == (other,)


def answers() -> list[Answer]:
    run = Run("17", "failed", "t1", "t2", "start", "boom\n\x1b[2J", {"n": 10**30, "t": "\x1b[31m"}, "/logs/17.log")
    no = causes.FILTER(path="a", wanted='"x"', found='"\x1b"')
    return [
        Answer("local", "Pay", "Pay", "paid", causes.RUN(run="17"), (no,), run, ("metaflow-triggers history Pay",)),
        Answer("local", "", "", "paidd", causes.NOBODY_LISTENS(event="paidd", meant="did you mean `paid`?")),
        Answer("argo-workflows", "Pay", "pay", None, causes.COULD_NOT_ASK(why="403", right="get workflows")),
    ]


def test_answers_as_text_and_as_json() -> None:
    told = text(answers())
    assert "\x1b" not in told and "started as run 17" in told and "n = " + "1" + "0" * 30 in told
    assert "the right get workflows is missing" in told and "did you mean `paid`?" in told
    question = Question("e-1", None, None, (ASKED,))
    document = as_value(question, ["local"], answers())
    assert findings(document, "trail/answers") == [] == findings(document, "trail/answers", reference=True)
    assert json.loads(as_json(question, ["local"], answers())) == document
    assert findings({**document, "verdict": "perhaps"}, "trail/answers") != []


def test_the_exit_code_of_several() -> None:
    started, nobody, unasked = answers()
    assert [exit_code([item]) for item in (started, nobody, unasked)] == [0, 1, 3]
    assert [exit_code(few) for few in ([nobody, started, unasked], [nobody, unasked], [])] == [0, 3, 3]
    assert verdict([nobody]) == "not started"


def test_every_cause_is_said_by_somebody() -> None:
    """One that no target has would be a promise that nobody keeps."""
    folder = Path(causes.__file__).parents[1]
    text_ = "".join(path.read_text("utf-8") for path in folder.rglob("*.py") if path != Path(causes.__file__))
    names = [name for name, kind in vars(causes).items() if isinstance(kind, causes.Kind)]
    assert [name for name in names if not re.search(rf"\b{name}\b", text_)] == []
