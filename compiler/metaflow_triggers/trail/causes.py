"""Causes: why something started, did not start, or cannot be told; each once, with its words.

In:   the facts of a cause, by keyword.
Out:  `Cause`, whose `words` are the same on every target; `KINDS`, all of them.

Not here: finding a cause. A target that has a new one adds its `Kind` here, and its code in `schemas/source/trail.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

STARTED, NOT_STARTED, UNKNOWN = "started", "not started", "unknown"
"""What a cause comes to (`verdict`)."""


@dataclass(frozen=True)
class Kind:
    """A cause without its facts, which stand in braces. `more`: words that follow where a fact is given."""

    code: str
    verdict: str
    words: str
    more: tuple[tuple[str, str], ...] = ()

    def __call__(self, **facts: Any) -> Cause:
        """The cause with its facts. Raises TypeError for one that is missing, and one that it does not have."""
        needed = set(re.findall(r"{(\w+)}", self.words))
        given = {name: str(value) for name, value in facts.items() if value is not None}
        optional = {name for name, _ in self.more}
        if not needed <= given.keys() <= needed | optional:
            raise TypeError(f"{self.code} has the facts {sorted(needed | optional)}, found {sorted(given)}")
        return Cause(self, given)


@dataclass(frozen=True)
class Cause:
    """A cause. `facts` are texts, by name."""

    kind: Kind
    facts: dict[str, str] = field(hash=False)

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def verdict(self) -> str:
        return self.kind.verdict

    @property
    def words(self) -> str:
        """The words, for people; one line."""
        more = [words for name, words in self.kind.more if name in self.facts]
        return "".join([self.kind.words, *more]).format_map(self.facts)


# it started -----------------------------------------------------------------------------------------------------------

RUN = Kind("run", STARTED, "started as run {run}", (("set", ", together with {set}"),))
"""`set`: the other events of the set that started it."""
WRONG_TYPE = Kind(
    "wrong-type", STARTED, "started as run {run}, which failed before user code: a value of the wrong type: {why}"
)
FAILED_BEFORE_USER_CODE = Kind(
    "failed-before-user-code", STARTED, "started as run {run}, which failed before user code: {why}"
)
LOST = Kind("lost", STARTED, "started as run {run}, which was lost: {why}")

# it came, and starts nothing ------------------------------------------------------------------------------------------

FILTER = Kind("filter", NOT_STARTED, "the filter said no: `{path}` has to be {wanted}; found {found}")
FILTER_TOGETHER = Kind(
    "filter-together", NOT_STARTED, "the filter said no: no element of the list has all of {wanted}; found {found}"
)
MISSING_FIELD = Kind(
    "missing-field",
    NOT_STARTED,
    "refused: the required parameter `{parameter}` has no value: no field `{field}`",
    (("set", ", in a set with {set}"),),
)
REFUSED = Kind("refused", NOT_STARTED, "refused: {why}", (("set", ", in a set with {set}"),))
WAITING_IN_SET = Kind(
    "waiting-in-set",
    NOT_STARTED,
    "waits in a set for {lacks}",
    (("since", ", since {since}"), ("until", ", until the reset at {until}")),
)
SET_RESET = Kind("set-reset", NOT_STARTED, "its set was forgotten by the reset at {reset}")
SET_REPLACED = Kind("set-replaced", NOT_STARTED, "a newer event took its place in the set: {by}")
OTHER_PAYLOAD = Kind(
    "other-payload", NOT_STARTED, "starts nothing new: an event of this name and id was accepted with another payload"
)
SUPPRESSED_POLL = Kind(
    "suppressed-poll", NOT_STARTED, "suppressed: the poll fired with a context equal to that of {by}"
)
POLL_SKIPS = Kind("poll-skips", NOT_STARTED, "the poll said at {at} that there is nothing to start")
POLL_FAILS = Kind("poll-fails", NOT_STARTED, "the poll failed at {at}: {why}")
NOT_POLLED = Kind("not-polled", NOT_STARTED, "poll trigger {what} is not polled: {why}")
QUEUED = Kind("queued", NOT_STARTED, "its start is recorded, and its run has not begun: {why}")
PAUSED = Kind("paused", NOT_STARTED, "its start waits: {what} is paused", (("since", " since {since}"),))
NOT_READ = Kind("not-read", NOT_STARTED, "accepted, and not looked at yet: {why}")
NOT_LISTENING_THEN = Kind(
    "not-listening-then",
    NOT_STARTED,
    "the flow did not wait for it when it came: it was first served later, or waited for something else",
)
DEAD_LETTER = Kind(
    "dead-letter", NOT_STARTED, "could not be started, and lies in {place}: {reason}", (("since", ", since {since}"),)
)
NO_RIGHT = Kind("no-right", NOT_STARTED, "could not be started: {who} lacks the right {right}")
THROTTLED = Kind("throttled", NOT_STARTED, "could not be started yet: throttled: {why}")

# it did not come ------------------------------------------------------------------------------------------------------

NOBODY_LISTENS = Kind("nobody-listens", NOT_STARTED, "no flow waits for event {event}", (("meant", "; {meant}"),))
DISABLED = Kind("disabled", NOT_STARTED, "{what} is disabled")
GONE = Kind("gone", NOT_STARTED, "{what} is not there: the flow is not deployed, or somebody deleted it")
WRONG_BUS = Kind("wrong-bus", NOT_STARTED, "the event is sent to the bus {sent}; the flow listens on {listens}")
WRONG_ENDPOINT = Kind("wrong-endpoint", NOT_STARTED, "the event is posted to {sent}; the flow listens at {listens}")
NOT_READY = Kind("not-ready", NOT_STARTED, "{what} is not ready: {why}")
OTHER_BRANCH = Kind("other-branch", NOT_STARTED, "event {event} is of another branch; the flow waits for {waits}")
OTHER_PROJECT = Kind("other-project", NOT_STARTED, "event {event} is of another project; the flow waits for {waits}")
NOT_ENDED = Kind("not-ended", NOT_STARTED, "the run {run} has not ended yet")
OTHER_VERSION = Kind("other-version", NOT_STARTED, "what is deployed is not what the files say: {what}")
NOT_ACCEPTED = Kind("not-accepted", NOT_STARTED, "{where} has accepted no event, and knows no run, with this id")
NOT_KEPT = Kind("not-kept", NOT_STARTED, "nothing started; the bus keeps no events; give --payload to ask the filters")
NOT_ARRIVED = Kind(
    "not-arrived", NOT_STARTED, "nothing started, although filters and parameters take this payload: it did not come"
)

# nobody can tell ------------------------------------------------------------------------------------------------------

COULD_NOT_ASK = Kind(
    "could-not-ask", UNKNOWN, "could not be asked: {why}", (("right", "; the right {right} is missing"),)
)
SET_NOT_KEPT = Kind(
    "set-not-kept",
    UNKNOWN,
    "belongs into a set with {lacks}; whether it waits there, has started a run with them or was forgotten by a reset "
    "is not kept by this backend",
    (("reset", "; it is reset at {reset}"),),
)
MAY_BE_DELETED = Kind("may-be-deleted", UNKNOWN, "no run has the name that it gives: it started none, or {why}")
NOT_OURS = Kind(
    "not-ours", UNKNOWN, "{what} was deployed without metaflow-triggers: its runs are not named after their events"
)
FORGOTTEN = Kind("forgotten", UNKNOWN, "accepted before; what it did was pruned on {day}, its id alone is kept")

# said beside another --------------------------------------------------------------------------------------------------

SAME_ID = Kind("same-id", UNKNOWN, "the same id is also that of event {event}, which is another event")
NUMBER_NOT_KEPT = Kind(
    "number-not-kept",
    UNKNOWN,
    "`{path}` is {found}: a 64-bit float does not keep it, so it is no number for AWS's matcher",
)

KINDS = {item.code: item for item in vars().copy().values() if isinstance(item, Kind)}
"""By code."""
