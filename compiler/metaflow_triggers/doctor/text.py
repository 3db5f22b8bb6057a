"""Text: findings as lines for people.

In:   targets with their findings.
Out:  a line for each finding and one for each way to mend it; the sum at the end.

Not here: asking, writing to a stream.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..reports.shown import shown
from .findings import LACKING, NOT_ASKED, STATES, Finding, Target

_WIDE = max(map(len, STATES))


def text(targets: tuple[Target, ...]) -> str:
    """All of it."""
    return "".join(f"{line}\n" for line in _lines(targets))


def _lines(targets: tuple[Target, ...]) -> Iterator[str]:
    found = [item for target in targets for item in target.findings]
    width = max((len(item.thing) for item in found), default=0)
    for target in targets:
        yield target.name
        for item in target.findings:
            said = " ".join(filter(None, (_said(item), f"({item.code})" if item.code else "")))
            yield shown(f"  {item.state:{_WIDE}}  {item.thing:{width}}  {said}".rstrip())
            yield from (shown(f"  {'':{_WIDE}}  = mend: {mend}") for mend in item.mends)
    counts = [f"{sum(item.state == state for item in found)} {state}" for state in (LACKING, NOT_ASKED, STATES[0])]
    yield ", ".join(counts)
    codes = sorted({item.code for item in found if item.code})
    if codes:
        yield f"what they mean: metaflow-triggers explain {' '.join(codes)}"


def _said(item: Finding) -> str:
    return "; ".join(filter(None, (f"needs {item.needs}" if item.needs else "", item.found)))
