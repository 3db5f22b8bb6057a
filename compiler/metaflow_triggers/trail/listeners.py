"""Listeners: who waits for an event, and why nobody does.

In:   a question, the name of an event.
Out:  the cause where no flow of the question waits for it: a misspelt name, another branch, another project.

Not here: which flows there are. Whoever knows of more flows than were read says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics.suggest import did_you_mean
from . import causes
from .causes import Cause
from .question import Question, event_names


def nobody(question: Question, event: str, others: Iterable[str] = ()) -> Cause:
    """Why no flow waits for an event. `others`: names that flows of which no file was read wait for."""
    names: set[str] = set(others)
    for asked in question.flows:
        flow, waited = asked.flow, event_names(asked)
        names.update(waited)
        if flow is None or not flow.project:
            continue
        own = f"{flow.project}.{_branch(flow.branch)}."
        for name in waited:
            if not name.startswith(own):
                continue
            bare = name[len(own) :]
            if event.endswith(f".{bare}") and event.startswith(f"{flow.project}."):
                return causes.OTHER_BRANCH(event=event, waits=name)
            if event.endswith(f".{_branch(flow.branch)}.{bare}"):
                return causes.OTHER_PROJECT(event=event, waits=name)
    meant = did_you_mean(event, sorted(names))
    return causes.NOBODY_LISTENS(event=event, meant=meant[0] if meant else None)


def _branch(branch: str | None) -> str:
    """As `namespaced_event_name` spells it."""
    return "production" if branch == "prod" else branch or ""
