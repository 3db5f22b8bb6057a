"""Accepted: findings that somebody has judged already, and how heavy a project takes others.

In:   what was found; the project file; the flow files, where `# metaflow-triggers: accept FT202 reason` on the first or
      last line of a decorator or statement accepts what is found in it, on another line what is found there.
Out:  the findings that are left, with their weight; how many were accepted or are off; FT035 for a comment that is not
      understood, FT036 (a note) for an acceptance of nothing.

Not here: finding. What is an error by itself is never accepted and never weighs less: what is emitted would be wrong.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .. import regular
from ..diagnostics import Diagnostic
from ..diagnostics.suggest import did_you_mean, suggest
from ..model.flows import Span, TriggerGraph
from .catalogue import codes, may_weigh_less
from .find import Checked
from .weight import has_errors, severity

if TYPE_CHECKING:
    from ..project_file.shape import ProjectFile

_MARK = "metaflow-triggers:"
_COMMENT = re.compile(r"#\s*metaflow-triggers:\s*(?P<word>\S*)\s*(?P<code>\S*)\s*(?P<reason>.*?)\s*$")
_FORM = "write `# metaflow-triggers: accept CODE reason`"


@dataclass
class Acceptance:
    """Of a comment (`lines` of `file`), or of the project file (`flow`, or every flow)."""

    code: str
    span: Span
    file: str = ""
    lines: tuple[int, int] = (0, 0)
    flow: str | None = None
    used: int = 0

    def holds(self, span: Span | None) -> bool:
        """Whether a comment's decorator or statement has the place in it."""
        first, last = self.lines
        return span is not None and span.file == self.file and span.line <= last and span.end_line >= first


@dataclass
class Weighed:
    """`accepted` and `off` count findings that are not among `diagnostics`."""

    diagnostics: list[Diagnostic]
    accepted: int = 0
    off: int = 0


@dataclass(frozen=True)
class Scope:
    """What was looked at. `complete`: all flows and backends, so that an acceptance of nothing is one."""

    files: Iterable[str] = ()
    graph: TriggerGraph = field(default_factory=lambda: TriggerGraph((), (), (), ()))
    external_events: frozenset[str] = frozenset()
    complete: bool = False


def weigh(found: Sequence[Diagnostic], project: ProjectFile | None, scope: Scope) -> Weighed:
    """The findings as the project and its files take them."""
    acceptances: list[Acceptance] = []
    mistakes: list[Diagnostic] = []
    for file in scope.files:
        for item in _of_file(file):
            (acceptances if isinstance(item, Acceptance) else mistakes).append(item)  # type: ignore[arg-type]
    if project:
        acceptances += [Acceptance(item.code, item.span, flow=item.flow) for item in project.accepted]
    severities = project.severity if project else {}
    if not acceptances and not severities:
        return Weighed([*found, *mistakes])
    left = [*_without_publisher(found, acceptances, scope)] if acceptances else list(found)
    weighed = Weighed(mistakes)
    for item in left:
        taker = next((one for one in acceptances if _takes(one, item, scope)), None)
        said = severities.get(item.code, "")
        if said != "error" and _stays(item):
            said = ""
        if taker is not None:
            taker.used += 1
        elif said == "off":
            weighed.off += 1
        else:
            weighed.diagnostics.append(replace(item, severity=said) if said else item)
    weighed.accepted = sum(item.used for item in acceptances)
    if scope.complete and not has_errors(weighed.diagnostics):  # an error may hide what is accepted
        weighed.diagnostics += [_of_nothing(item) for item in acceptances if not item.used]
    return weighed


def _stays(item: Diagnostic) -> bool:
    """Whether it is an error, by itself or this time."""
    return severity(item) == "error" or not may_weigh_less(item.code)


def _takes(one: Acceptance, item: Diagnostic, scope: Scope) -> bool:
    if one.code != item.code or _stays(item):
        return False
    if one.file:
        return one.holds(item.span)
    if one.flow is None:
        return True
    files = {flow.file for flow in scope.graph.flows if flow.name == one.flow}
    return f"`{one.flow}`" in item.message or (item.span is not None and item.span.file in files)


def _without_publisher(found: Sequence[Diagnostic], given: Sequence[Acceptance], scope: Scope) -> Iterator[Diagnostic]:
    """The same, FT202 found anew without the dependencies that are accepted: it tells of many in one line."""
    takers = [item for item in given if item.code == "FT202" and (item.file or item.flow)]
    yield from (item for item in found if item.code != "FT202" or not takers)
    if not takers or not any(item.code == "FT202" for item in found):
        return
    from .in_graph import ft202_nobody_emits as rule

    graph, left = scope.graph, []
    for number, dependency in graph.unemitted:
        taker = next(
            (
                one
                for one in takers
                if (one.holds(dependency.span) if one.file else one.flow == graph.flows[number].name)
            ),
            None,
        )
        if taker is None:
            left.append((number, dependency))
        elif dependency.name not in scope.external_events:
            taker.used += 1
    yield from rule.find(Checked(replace(graph, unemitted=tuple(left)), True, frozenset(), scope.external_events))


def _of_nothing(item: Acceptance) -> Diagnostic:
    what = f"`{item.code}` is accepted here" + (f" of `{item.flow}`" if item.flow else "")
    helps = ("take it away",)
    return Diagnostic("FT036", f"{what}, and nothing of it is found", item.span, "accepts nothing", helps=helps)


# Comments -----------------------------------------------------------------------------------------------------------


def _of_file(file: str) -> Iterator[Acceptance | Diagnostic]:
    try:
        text = regular.text(file)
    except regular.Unreadable:
        return
    if _MARK not in text:
        return
    try:
        tokens = [
            item for item in tokenize.generate_tokens(io.StringIO(text).readline) if item.type == tokenize.COMMENT
        ]
        extents = _extents(ast.parse(text))
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError):
        return  # told by whoever reads the file
    for token in tokens:
        said = _COMMENT.match(token.string)
        if said is None or (said["word"] != "accept" and not suggest(said["word"], ["accept"])):
            continue
        line, column = token.start[0], token.start[1] + 1
        span = Span(file, line, column, line, column + len(token.string))
        inside = [extent for extent in extents if extent[0] <= line <= extent[1]]
        lines = min(inside, key=lambda extent: extent[1] - extent[0], default=(line, line))
        if line not in lines:  # beside one of many things in a decorator
            lines = (line, line)
        yield _mistake(said, span) or Acceptance(said["code"], span, file, lines)


def _mistake(said: re.Match[str], span: Span) -> Diagnostic | None:
    code, known = said["code"], codes()
    if said["word"] != "accept":
        return Diagnostic("FT035", f"`{said['word']}` is not understood", span, helps=(_FORM,))
    if code not in known:
        helps = did_you_mean(code, known) or (_FORM,)
        return Diagnostic("FT035", f"`{code}` is no code that could be accepted", span, helps=helps)
    if not may_weigh_less(code):
        told = f"`{code}` is an error, which cannot be accepted"
        return Diagnostic("FT035", told, span, notes=("what is emitted would be wrong, or nothing could be",))
    if not said["reason"]:
        return Diagnostic("FT035", f"`{code}` is accepted without a reason", span, "no reason", helps=(_FORM,))
    return None


def _extents(tree: ast.AST) -> list[tuple[int, int]]:
    """First and last lines of decorators, and of statements that hold no others."""
    found = []
    for node in ast.walk(tree):
        inside = getattr(node, "decorator_list", ())
        found += [(item.lineno, item.end_lineno or item.lineno) for item in inside]
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            found.append((node.lineno, node.end_lineno or node.lineno))
    return found
