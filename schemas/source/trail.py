"""What `metaflow-triggers trail --format json` prints.

In:   nothing.
Out:  `DOCUMENTS`.

Not here: what a cause means (`metaflow_triggers.trail.causes` has its words). A code that a program knows stays what it
is; new ones may come.
"""

from __future__ import annotations

from .notation import a, any_of, closed, document, open_object, some, text

_CODES = (
    *("run", "wrong-type", "failed-before-user-code", "lost"),
    *("filter", "filter-together", "missing-field", "refused", "waiting-in-set", "set-reset", "set-replaced"),
    *("other-payload", "suppressed-poll", "poll-skips", "poll-fails", "not-polled"),
    *("queued", "paused", "not-read", "not-listening-then"),
    *("dead-letter", "no-right", "throttled"),
    *("nobody-listens", "disabled", "gone", "wrong-bus", "wrong-endpoint", "not-ready"),
    *("other-branch", "other-project", "other-version", "not-ended"),
    *("not-accepted", "not-kept", "not-arrived"),
    *("could-not-ask", "set-not-kept", "may-be-deleted", "not-ours", "forgotten", "same-id", "number-not-kept"),
)
_STATES = ("waiting", "running", "succeeded", "failed", "aborted", "timed out", "lost", "refused")
_VERDICT = any_of("started", "not started", "unknown")
_MAYBE = any_of(text(), None)

_CAUSE = {"code": any_of(*_CODES), "words": text(at_least=1), "facts": closed({"^[a-z]+$": text()})}
_RUN = {
    "id": text(),
    "state": any_of(*_STATES),
    "started_at": _MAYBE,
    "ended_at": _MAYBE,
    "step": _MAYBE,
    "error": _MAYBE,
    "parameters": any_of(open_object(), None),
    "log": _MAYBE,
}
_POLL = {"trigger": text(at_least=1), "claim": _MAYBE, "context": any_of(open_object(), None)}
_ANSWER = {
    "target": text("^[a-z][a-z0-9-]{0,62}$"),
    "flow": text(),
    "deployed": text(),
    "event": _MAYBE,
    "poll": any_of(a("poll"), None),
    "verdict": _VERDICT,
    "cause": a("cause"),
    "also": some(a("cause"), at_least=None),
    "run": any_of(a("run"), None),
    "commands": some(text(at_least=1), at_least=None),
}

DOCUMENTS = document(
    "trail/answers.schema.json",
    "Answers of `metaflow-triggers trail`",
    closed(
        {
            "version": 1,
            "id": text(at_least=1),
            "event": _MAYBE,
            "targets": some(text(at_least=1), at_least=None),
            "verdict": _VERDICT,
            "answers": some(a("answer"), at_least=None),
        }
    ),
    {"answer": _ANSWER, "cause": _CAUSE, "poll": _POLL, "run": _RUN},
)
