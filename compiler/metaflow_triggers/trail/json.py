"""JSON: answers for programs.

In:   what was asked, answers.
Out:  one document that fits schemas/trail/answers.schema.json (`metaflow-triggers schema trail` prints it).

Not here: standard output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaflow_extensions.triggers.contract import exact_json

from .answer import Answer, Poll, Run, verdict
from .causes import Cause
from .question import Question


def as_json(question: Question, targets: Sequence[str], answers: Sequence[Answer]) -> str:
    """The document's text. Numbers of parameters keep their digits."""
    return f"{exact_json.dumps(as_value(question, targets, answers))}\n"


def as_value(question: Question, targets: Sequence[str], answers: Sequence[Answer]) -> dict[str, Any]:
    """The document."""
    return {
        "version": 1,
        "id": question.identity,
        "event": question.event,
        "targets": list(targets),
        "verdict": verdict(answers),
        "answers": [_answer(item) for item in answers],
    }


def _answer(item: Answer) -> dict[str, Any]:
    return {
        "target": item.target,
        "flow": item.flow,
        "deployed": item.deployed,
        "event": item.event,
        "poll": None if item.poll is None else _poll(item.poll),
        "verdict": item.verdict,
        "cause": _cause(item.cause),
        "also": [_cause(cause) for cause in item.also],
        "run": None if item.run is None else _run(item.run),
        "commands": list(item.commands),
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {"code": cause.code, "words": cause.words, "facts": dict(cause.facts)}


def _poll(poll: Poll) -> dict[str, Any]:
    return {"trigger": poll.trigger, "claim": poll.claim, "context": poll.context}


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "step": run.step,
        "error": run.error,
        "parameters": run.parameters,
        "log": run.log,
    }
