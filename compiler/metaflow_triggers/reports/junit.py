"""JUnit: diagnostics as the report of a test run, which most build servers show.

In:   diagnostics, the flows that were read, whether `--strict` counts.
Out:  XML text: a test case for each flow, and for each place beside them; an error is a failure.

Not here: exit codes, writing. JUnit has no warnings: they stand as output of their test case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as xml

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..rules.weight import refuses
from .shown import shown
from .text import render_line, render_one

_BESIDE = "metaflow-triggers"


def render_junit(diagnostics: Iterable[Diagnostic], flows: Sequence[tuple[str, str]], *, strict: bool) -> str:
    """`flows` are (name, file). What is told of a file stands at its first flow, or at a case of the file's own."""
    told: dict[str, list[Diagnostic]] = {file: [] for _, file in flows}
    for item in ordered(diagnostics):
        told.setdefault(item.span.file if item.span is not None else "", []).append(item)
    suite = xml.Element("testsuite", name=_BESIDE)
    seen: set[str] = set()
    failures = count = 0
    cases = [(name, file) for name, file in flows]
    cases += [(_beside(file), file) for file in told if file not in {file for _, file in flows}]
    for name, file in cases:
        found = [] if file in seen else told.get(file, [])
        seen.add(file)
        failures += _case(suite, name, file, found, strict)
        count += 1
    suite.set("tests", str(count))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    root = xml.Element("testsuites")
    root.append(suite)
    xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml.tostring(root, encoding="unicode")}\n'


def _beside(file: str) -> str:
    return file or "between the flows"


def _case(suite: xml.Element, name: str, file: str, found: Sequence[Diagnostic], strict: bool) -> int:
    """Add a test case; 1 where it failed."""
    case = xml.SubElement(suite, "testcase", classname=shown(file) or _BESIDE, name=shown(name))
    bad = [item for item in found if refuses([item], strict=strict)]
    rest = [item for item in found if item not in bad]
    if bad:
        failure = xml.SubElement(case, "failure", message=render_line(bad[0]), type=bad[0].code)
        failure.text = "\n".join(render_one(item) for item in bad)
    if rest:
        xml.SubElement(case, "system-out").text = "\n".join(render_one(item) for item in rest)
    return 1 if bad else 0
