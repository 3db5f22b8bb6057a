"""Text: answers for people.

In:   what was asked, answers.
Out:  lines; no character of an event moves a terminal's cursor.

Not here: standard output, colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metaflow_extensions.triggers.contract import exact_json

from ..reports.shown import shown
from .answer import Answer, Run

_LONGEST = 200
"""Characters of a parameter's value, and of a context."""


def text(answers: Sequence[Answer]) -> str:
    """A paragraph for each answer: where and which flow, why, the run, the commands."""
    return "".join(f"{shown(line)}\n" for answer in answers for line in _lines(answer))


def _lines(answer: Answer) -> Iterator[str]:
    by = "event" if answer.poll is None else "poll trigger"
    of = f" by {by} {answer.event}" if answer.event is not None and answer.flow else ""
    yield f"{answer.target}: {answer.flow or 'no flow'}: {answer.verdict}{of}"
    yield f"  {answer.cause.words}"
    for cause in answer.also:
        yield f"  also: {cause.words}"
    if answer.poll is not None and answer.poll.claim is not None:
        context = answer.poll.context
        told = "" if context is None else f" with {_written(context)}"
        yield f"  fire {answer.poll.claim}{told}"
    if answer.run is not None:
        yield from _run(answer.run, answer.cause.words)
    for command in answer.commands:
        yield f"  = {command}"


def _run(run: Run, told: str) -> Iterator[str]:
    when = "".join(
        f", {word} {moment}" for word, moment in (("began", run.started_at), ("ended", run.ended_at)) if moment
    )
    step = f" in step {run.step}" if run.step else ""
    yield f"  run {run.id}: {run.state}{step}{when}"
    error = " ".join((run.error or "").split())
    if error and error not in told:
        yield f"  error: {error}"
    for name, value in (run.parameters or {}).items():
        yield f"  {name} = {_written(value)}"
    if run.log:
        yield f"  log: {run.log}"


def _written(value: object) -> str:
    text = str(exact_json.dumps(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
