"""Rendering: the layout to the letter, the caret under the right characters, no control of the terminal."""

import json
import re
import unicodedata

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.diagnostics.order import ordered
from metaflow_triggers.model.flows import Span
from metaflow_triggers.reports import text as module
from metaflow_triggers.reports.json import JSON_SCHEMA, json_document, render_json
from metaflow_triggers.reports.shown import shown
from metaflow_triggers.reports.text import render_line, render_one, render_text, summary, wants_color
from metaflow_triggers.rules.weight import has_errors

FILES = {
    ("flows/report.py", 8): '@trigger_on_finish(flow="ScoreFlw")',
    ("flows/score.py", 12): "class ScoreFlow(FlowSpec):",
}

UNKNOWN = Diagnostic(
    "FT201",
    "`ReportFlow` waits for flow `ScoreFlw`, which this project does not define",
    Span("flows/report.py", 8, 25, 8, 35),
    "no such flow, so `ReportFlow` would never start",
    ((Span("flows/score.py", 12, 7, 12, 16), "the closest name is defined here"),),
    ("looked at 14 flows under `flows/`",),
    ("did you mean `ScoreFlow`?", "if `ScoreFlw` is deployed from another repository, list it under `external-flows`"),
)


def read(file, line):
    return FILES.get((file, line))


def one_line(line, first, last, label="here"):
    """The shown source line and the line of marks for a span of one line."""
    item = Diagnostic("FT104", "message", Span("f.py", 1, first, 1, last), label)
    rows = render_one(item, lambda file, number: line).split("\n")
    assert rows[3].startswith("1 |") and rows[4].startswith("  | "), rows
    return rows[3][4:], rows[4][4:]


def cells(char):
    """Cells of a terminal (Unicode Standard Annex 11); vowels and finals of Hangul stack on what precedes them."""
    if unicodedata.category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def under(shown_line, marks):
    """The text above the carets, counted in terminal cells."""
    indent, width = len(marks) - len(marks.lstrip(" ")), marks.count("^")
    out, at = "", 0
    for char in shown_line:
        wide = cells(char)
        if indent <= at < indent + width or (wide == 0 and out and at <= indent + width):
            out += char
        at += wide
    return out


def test_layout_to_the_letter():
    assert render_text([UNKNOWN], flows=14, read_line=read) == (
        """\
error[FT201]: `ReportFlow` waits for flow `ScoreFlw`, which this project does not define
  --> flows/report.py:8:25
   |
 8 | @trigger_on_finish(flow="ScoreFlw")
   |                         ^^^^^^^^^^ no such flow, so `ReportFlow` would never start
   |
  ::: flows/score.py:12:7
   |
12 | class ScoreFlow(FlowSpec):
   |       --------- the closest name is defined here
   |
   = note: looked at 14 flows under `flows/`
   = help: did you mean `ScoreFlow`?
   = help: if `ScoreFlw` is deployed from another repository, list it under `external-flows`
   = docs: docs/diagnostics.md#FT201

for more: metaflow-triggers explain FT201
1 error in 14 flows; nothing was written
"""
    )


def test_one_line_form():
    assert render_line(UNKNOWN) == (
        "flows/report.py:8:25: error[FT201]: `ReportFlow` waits for flow `ScoreFlw`, which this project does not define"
    )
    assert render_line(Diagnostic("FT006", "no user")) == "note[FT006]: no user"


def test_without_a_place_or_a_source_line():
    assert render_one(Diagnostic("FT002", "a setting is missing", helps=("set it",))) == (
        "error[FT002]: a setting is missing\n  = help: set it\n  = docs: docs/diagnostics.md#FT002\n"
    )
    gone = Diagnostic("FT104", "bad name", Span("gone.py", 3, 1, 3, 4), "this")
    assert render_one(gone) == (
        "error[FT104]: bad name\n --> gone.py:3:1\n  | this\n  = docs: docs/diagnostics.md#FT104\n"
    )


def test_quoted_messages_keep_their_lines():
    text = render_one(Diagnostic("FT123", "Metaflow rejects it", notes=("first\nsecond",)))
    assert "  = note: first\n          second\n" in text


def test_source_is_read_from_the_file(tmp_path):
    path = tmp_path / "flow.py"
    path.write_bytes("\ufeffa = 1\r\nb = 'é'\r\n".encode())
    item = Diagnostic("FT104", "m", Span(str(path), 2, 5, 2, 8))
    assert "2 | b = 'é'\n  |     ^^^\n" in render_one(item)
    path.write_text("changed\nc = 'x'\n")
    assert "2 | c = 'x'\n" in render_one(item)


@pytest.mark.parametrize(
    ("line", "first", "last", "expected"),
    [
        ("\tx = 'bad'", 6, 11, "'bad'"),
        ("x = '日本', 'bad'", 11, 16, "'bad'"),
        ("x = '日本'", 6, 7, "日"),
        ("x = 'e\u0301e\u0301', 'bad'", 13, 18, "'bad'"),
        ("x = '\u1112\u1161\u11ab', 'bad'", 12, 17, "'bad'"),
        ("x = '\x1b[31m', 'bad'", 14, 19, "'bad'"),
        ("x = '\u202egnp', 'bad'", 13, 18, "'bad'"),
    ],
)
def test_the_caret_is_under_the_right_characters(line, first, last, expected):
    assert line[first - 1 : last - 1] == expected  # the case itself
    text, marks = one_line(line, first, last)
    assert under(text, marks) == expected


@pytest.mark.parametrize("position", [0, 30, 300, 1990])
def test_a_long_line_is_cut_around_the_span(position):
    line = ("x" * position + "'bad'" + "y" * 2000)[:2000]
    text, marks = one_line(line, position + 1, position + 6)
    assert len(text) <= module.MAX_CELLS + 6
    assert under(text, marks) == "'bad'"
    assert text.startswith("...") == (position > 40)
    assert text.endswith("...") == (position < 1900)


def test_a_cut_line_does_not_begin_with_half_a_letter():
    line = "e\u0301" * 200 + ",'bad'"
    text, marks = one_line(line, 402, 407)
    assert text.startswith("...e\u0301") and under(text, marks) == "'bad'"


def test_a_span_longer_than_the_line_shown_is_cut_too():
    text, marks = one_line("x" * 5000, 1, 5001, label="")
    assert len(marks) <= len(text)


def test_a_span_over_several_lines_marks_the_first():
    item = Diagnostic("FT102", "m", Span("f.py", 1, 3, 9, 2))
    assert "1 | ab(\n  |   ^\n" in render_one(item, lambda file, line: "ab(  ")


def test_nothing_of_the_users_controls_the_terminal():
    evil = "\x1b]0;owned\x07\x9b31m\u202e\u2028\r\n\x00\udcff"
    item = Diagnostic("FT104", evil, Span(evil, 1, 1, 1, 3), evil, ((Span(evil, 1, 1, 1, 2), evil),), (evil,), (evil,))
    for text in (
        render_text([item], read_line=lambda file, line: evil),
        render_line(item) + "\n",
        render_json([item]),
        shown(evil) + "\n",
    ):
        text.encode("utf-8")
        for line in text[:-1].split("\n"):
            assert line.isprintable(), repr(line)


def test_color_only_on_a_terminal_and_no_color_wins():
    assert wants_color(True, {})
    assert wants_color(True, {"NO_COLOR": ""})
    assert not wants_color(False, {"FORCE_COLOR": "1"})
    assert not wants_color(True, {"NO_COLOR": "1"})
    assert not wants_color(True, {"TERM": "dumb"})


def test_color_adds_nothing_but_color():
    plain = render_text([UNKNOWN], 14, read_line=read)
    colored = render_text([UNKNOWN], 14, read_line=read, color=True)
    assert "\x1b" not in plain and "\x1b[1;31m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_summary():
    def item(code, line):
        return Diagnostic(code, "m", Span("f", line, 1, 1, 1))

    assert summary([], 3) == "no errors in 3 flows"
    assert summary([item("FT101", 1), item("FT101", 2), item("FT202", 1), item("FT114", 1)], 1) == (
        "2 errors, 1 warning, 1 note in 1 flow"
    )
    assert summary([item("FT101", 1), item("FT101", 1)], None, "nothing was written") == (
        "1 error; nothing was written"
    )
    assert render_text([item("FT114", 1)], 2).endswith("\n1 note in 2 flows\n")


def test_a_diagnostic_may_weigh_less_than_its_rule():
    item = Diagnostic("FT203", "m", severity="warning")
    assert not has_errors([item]) and has_errors([Diagnostic("FT203", "m")])
    assert render_line(item) == "warning[FT203]: m"


def test_order_is_by_file_line_column_code():
    def item(file, line, column, code):
        return Diagnostic(code, "m", Span(file, line, column, line, column))

    expected = [
        Diagnostic("FT005", "m"),
        item("a.py", 2, 9, "FT301"),
        item("a.py", 10, 1, "FT301"),
        item("a.py", 10, 2, "FT101"),
        item("a.py", 10, 2, "FT301"),
        item("b.py", 1, 1, "FT101"),
    ]
    assert ordered(reversed(expected)) == expected
    assert ordered(expected + expected) == expected


# --- properties -------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(), max_size=40)
NUMBERS = st.integers(min_value=1, max_value=60)
SPANS = st.builds(Span, ANY_TEXT, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
DIAGNOSTICS = st.builds(
    Diagnostic,
    st.sampled_from(["FT101", "FT202", "FT114", "FT900"]),
    ANY_TEXT,
    st.none() | SPANS,
    ANY_TEXT,
    st.lists(st.tuples(SPANS, ANY_TEXT), max_size=2).map(tuple),
    st.lists(ANY_TEXT, max_size=2).map(tuple),
    st.lists(ANY_TEXT, max_size=2).map(tuple),
    st.sampled_from(["", "note"]),
)


@given(st.lists(DIAGNOSTICS, max_size=4), st.none() | st.text(st.characters(), max_size=300))
@settings(max_examples=150, deadline=None)
def test_rendering_never_raises_and_is_always_harmless(items, line):
    text = render_text(items, 3, read_line=lambda file, number: line)
    assert text == render_text(list(reversed(items)), 3, read_line=lambda file, number: line)
    assert all(row.isprintable() for row in text.split("\n"))
    assert text.count("docs: ") >= len(set(items))
    document = json_document(items, 3)
    jsonschema.validate(document, JSON_SCHEMA)
    assert json.loads(render_json(items, 3)) == json.loads(json.dumps(document))


LINE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), min_size=1, max_size=260)


@given(LINE, st.data())
@settings(max_examples=200, deadline=None)
def test_the_caret_begins_and_ends_with_the_span(line, data):
    first = data.draw(st.integers(0, len(line) - 1))
    last = data.draw(st.integers(first + 1, min(len(line), first + 60)))
    # Letters at both ends, so that neither is shown as several or as no cell, and one behind: a mark would join the C.
    line = line[:first] + "A" + "b" * (last - first - 1) + "Cd" + line[last:]
    text, marks = one_line(line, first + 1, last + 2, label="")
    assert under(text.ljust(len(marks)), marks) == "A" + "b" * (last - first - 1) + "C"
