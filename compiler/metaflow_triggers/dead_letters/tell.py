"""Tell: letters and what became of them, as people read them.

In:   letters, verdicts.
Out:  text; what is somebody's bytes is escaped.

Not here: JSON (`Letter.as_value`), diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .letter import HIDES, KNOWN, ODD, OUTCOME, REFUSED, STARTED, STAYS, TAKEN, UNSURE, Letter, Looked, Sent

HEADER = ("ID", "FLOW", "WHAT", "EVENT ID", "SINCE", "BYTES", "REASON")

UNKNOWN = "?"
"""In place of a flow's name."""

_SAID = {
    STARTED: "started",
    KNOWN: "started before",
    TAKEN: "delivered",
    REFUSED: "refused again",
    UNSURE: "not confirmed, and kept",
    STAYS: "not sent",
}


def rows(letters: Iterable[Letter]) -> list[tuple[str, ...]]:
    """A row for each letter."""
    return [
        (one.id, UNKNOWN if one.unknown else one.flow, what(one), one.event_id or "", one.at, str(one.size), one.reason)
        for one in letters
    ]


def what(letter: Letter) -> str:
    """`order-placed`, `end of Ingest`, `a set`, ..."""
    if letter.kind == ODD:
        return "not ours"
    if letter.kind == OUTCOME:
        return f"end of {letter.name}"
    return letter.name or f"a {letter.kind}"


def whole(letter: Letter) -> Iterator[tuple[str, str]]:
    """All of a letter: (what, value)."""
    yield "id", letter.id
    named = letter.flow if letter.flow == letter.deployed else f"{letter.flow}, deployed as {letter.deployed}"
    yield "flow", UNKNOWN if letter.unknown else named
    yield "what", what(letter)
    if letter.event_id:
        yield "event id", letter.event_id
    yield "reason", letter.reason
    yield "since", letter.at
    yield "where", letter.where
    yield "bytes", str(letter.size)
    if letter.stays:
        yield "stays", letter.stays
    yield "payload", letter.payload


def of_looks(looked: Sequence[Looked]) -> Iterator[str]:
    """What looks have not seen."""
    hidden, unseen = sum(one.hidden for one in looked), sum(one.unseen for one in looked)
    if hidden:
        verb = "is" if hidden == 1 else "are"
        yield f"{hidden} more {verb} being looked at by somebody else, and there again within {HIDES} seconds"
    if unseen:
        yield f"about {unseen} more were not reached by one look; repeat the command"


def sent(done: Sent) -> str:
    """`2f4a... order-placed: started event-...`."""
    more = f": {done.told}" if done.told else ""
    return f"{done.letter.id}  {what(done.letter)}  {_SAID[done.verdict]}{more}"
