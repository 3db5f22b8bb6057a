"""Findings that are accepted go, with a reason; one that accepts nothing is told; errors stay errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import Flow, Span
from metaflow_triggers.project_file.read import read
from metaflow_triggers.project_file.shape import ProjectFile
from metaflow_triggers.rules.accepted import Scope, Weighed, weigh
from metaflow_triggers.rules.find import check
from metaflow_triggers.rules.weight import severity

from tests.flows import At

NOTE, ERROR = "FT114", "FT201"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def project(folder: Path, text: str) -> ProjectFile:
    (folder / "metaflow-triggers.toml").write_text(text, "utf-8")
    return read(folder / "metaflow-triggers.toml")


def found(code: str, line: int, file: str = "a.py", last: int = 0, message: str = "x") -> Diagnostic:
    return Diagnostic(code, message, Span(file, line, 1, last or line, 2))


def told(weighed: Weighed) -> list[tuple[str, int]]:
    return [(item.code, item.span.line if item.span else 0) for item in weighed.diagnostics]


SOURCE = """import x
@trigger(
    events=["a"],
    options={},
)  # metaflow-triggers: accept FT114 it counts only
class A:
    @step
    def start(self):
        emit_event("a")  # metaflow-triggers: accept FT202 elsewhere
        text = "# metaflow-triggers: accept FT114 no comment"
        text = 1  # metaflow-triggers: see the docs
"""
INNER = """@trigger(
    events=[
        "a",
        "b",  # metaflow-triggers: accept FT114 it counts only
    ],
)
class A: ...
"""


def test_a_comment_inside_of_a_decorator_accepts_what_is_found_on_its_line(folder: Path) -> None:
    (folder / "a.py").write_text(INNER)
    on_it, others = [found(NOTE, 4), found(NOTE, 1, last=6)], [found(NOTE, 1), found(NOTE, 3), found(NOTE, 5)]
    weighed = weigh([*on_it, *others], None, Scope(("a.py",)))
    assert (weighed.accepted, weighed.diagnostics) == (2, others)


def test_a_comment_accepts_what_is_found_in_its_decorator_or_statement(folder: Path) -> None:
    (folder / "a.py").write_text(SOURCE)
    scope = Scope(("a.py",), complete=True)
    inside = [found(NOTE, 2, last=5), found(NOTE, 4)]
    outside = [found(NOTE, 1), found(NOTE, 6), found(NOTE, 10), found(NOTE, 3, "b.py"), found("FT113", 3)]
    weighed = weigh([*inside, *outside], None, scope)
    assert weighed.accepted == 2
    assert weighed.diagnostics[:5] == outside
    # The other comment has accepted nothing, which only matters where everything was looked at.
    assert told(weighed)[5:] == [("FT036", 9)]
    assert weigh(outside, None, replace(scope, complete=False)).diagnostics == outside


@pytest.mark.parametrize(
    ("comment", "message", "help_"),
    [
        ("accept FT114", "`FT114` is accepted without a reason", "write `# metaflow-triggers: accept CODE reason`"),
        ("accept", "`` is no code that could be accepted", "write `# metaflow-triggers: accept CODE reason`"),
        ("accept FT999 why", "`FT999` is no code that could be accepted", ""),
        ("accept FT201 why", "`FT201` is an error, which cannot be accepted", ""),
        ("acept FT114 why", "`acept` is not understood", "write `# metaflow-triggers: accept CODE reason`"),
    ],
)
def test_a_comment_that_is_not_understood_is_an_error(folder: Path, comment: str, message: str, help_: str) -> None:
    (folder / "a.py").write_text(f"@x  # metaflow-triggers: {comment}\nclass A: ...\n")
    given = [found(NOTE, 1), found(ERROR, 1)]
    weighed = weigh(given, None, Scope(("a.py",), complete=True))
    (mistake,) = [item for item in weighed.diagnostics if item not in given]
    assert (mistake.code, severity(mistake), mistake.message) == ("FT035", "error", message)
    assert (mistake.span.line, mistake.span.column) == (1, 5) if mistake.span else False
    assert not help_ or mistake.helps == (help_,)
    assert weighed.accepted == 0


def test_the_project_file_accepts_by_code_and_flow(folder: Path) -> None:
    text = "".join(
        f'[[accept]]\ncode = "{code}"\n{flow}reason = "known"\n'
        for code, flow in (("FT113", ""), (NOTE, 'flow = "A"\n'), ("FT305", 'flow = "B"\n'))
    )
    a = At(Span("a.py", 1, 1, 1, 2)).flow("A")
    scope = Scope((), link([a]), complete=True)
    given = [
        found("FT113", 1),
        found(NOTE, 2),
        found(NOTE, 3, "b.py"),
        found(NOTE, 4, "b.py", message="`A` waits"),
    ]
    weighed = weigh(given, project(folder, text), scope)
    assert (told(weighed), weighed.accepted) == ([(NOTE, 3), ("FT036", 8)], 3)
    assert weighed.diagnostics[-1].message == "`FT305` is accepted here of `B`, and nothing of it is found"
    # Beside an error nobody knows what else would be found.
    assert told(weigh([*given, found("FT305", 5)], project(folder, text), scope)) == [(NOTE, 3), ("FT305", 5)]


def test_severities(folder: Path) -> None:
    text = 'severity = {FT113 = "off", FT114 = "error", FT306 = "warning", FT201 = "error"}\n'
    given = [found(code, 1) for code in ("FT113", "FT114", "FT201", "FT202")]
    weighed = weigh(given, project(folder, text), Scope())
    assert weighed.off == 1
    assert [(item.code, severity(item)) for item in weighed.diagnostics] == [
        ("FT114", "error"),
        ("FT201", "error"),
        ("FT202", "warning"),
    ]


def test_errors_stay_errors_whatever_the_file_says(folder: Path) -> None:
    said = "".join(f'[[accept]]\ncode = "{code}"\nreason = "x"\n' for code in (ERROR, "FT204"))
    text = 'severity = {FT201 = "off", FT203 = "note"}\n' + said
    given = [found(code, 1) for code in (ERROR, "FT203", "FT204")]
    weighed = weigh(given, project(folder, text), Scope())
    assert (weighed.diagnostics, weighed.accepted, weighed.off) == (given, 0, 0)
    # One that is an error this time, though its rule is a warning.
    given = [replace(found(code, 1), severity="error") for code in ("FT308", "FT202")]
    text = 'severity.FT308 = "off"\n[[accept]]\ncode = "FT202"\nreason = "x"\n'
    assert weigh(given, project(folder, text), Scope()).diagnostics == given
    project(folder, 'severity = {FT201 = "off", FT203 = "note"}\n' + said)
    with pytest.raises(DiagnosticError) as error:  # and where the codes are known the file is refused
        read(folder / "metaflow-triggers.toml", codes=dict.fromkeys((ERROR, "FT203", "FT204"), False))
    assert [item.code for item in error.value.diagnostics] == ["FT032"] * 4


def test_nothing_is_read_or_changed_where_nothing_is_said(folder: Path) -> None:
    (folder / "a.py").write_text("def broken(:  # metaflow-triggers: accept FT114 why\n")
    given = [found(NOTE, 1), found(ERROR, 1)]
    assert weigh(given, None, Scope(("a.py", "not-there.py"), complete=True)) == Weighed(given)


def waiting(name: str, event: str, line: int) -> Flow:
    at = At(Span("a.py", line, 1, line, 2))
    return at.flow(name, at.trigger(at.event(event)))


def test_of_an_event_without_publisher_each_who_waits_is_accepted_alone(folder: Path) -> None:
    (folder / "a.py").write_text("@a\n@b  # metaflow-triggers: accept FT202 another team\nclass A: ...\n")
    graph = link([waiting("A", "one", 1), waiting("B", "two", 2), waiting("C", "three", 3)])
    given = check(graph, True)
    assert [item.code for item in given] == ["FT202"] and "`one`" in given[0].message and "`two`" in given[0].message
    weighed = weigh(given, None, Scope(("a.py",), graph, complete=True))
    assert weighed.accepted == 1
    assert [item.message for item in weighed.diagnostics] == [
        "no flow of these files emits `one`, `three`: something else has to publish them"
    ]
    file = project(folder, '[[accept]]\ncode = "FT202"\nflow = "C"\nreason = "a vendor"\n')
    weighed = weigh(given, file, Scope(("a.py",), graph, complete=True))
    assert weighed.accepted == 2 and "emits `one`: something" in weighed.diagnostics[0].message
