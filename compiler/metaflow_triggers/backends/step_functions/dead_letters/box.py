"""Box: the dead letters of one flow on AWS.

In:   AWS's clients, the flow's deployed name.
Out:  `Letters`, which has the shape of `dead_letters.letter.Box`; `letters_of`, for who reads alone.

Not here: what a message is (`read`), how it is sent (`send`), which letters are meant (`dead_letters.choose`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial

from ....dead_letters.letter import GOOD, HIDES, REFUSED, Letter, Looked, Sent
from ....model.settings import Settings
from ..deploy.calls import Clients
from ..deploy.plan import where
from .machines import Deployment, deployment
from .read import Found, read
from .send import PATIENCE, send


def box(deployed: str, settings: Settings) -> Letters:
    """What the command uses."""
    return Letters(deployed)


def letters_of(deployed: str, clients: Clients | None = None) -> Looked:
    """What a look into the flow's queues finds. Raises DiagnosticError (FT701 to FT704, FT772)."""
    return Letters(deployed, clients).look()


class Letters:
    """`deployed` is the name of the flow's state machine, whether it is there or not."""

    def __init__(self, deployed: str, clients: Clients | None = None) -> None:
        self._name, self._clients = deployed, clients or Clients()

    @cached_property
    def _found(self) -> Deployment:
        return deployment(where(self._name, self._clients))

    def look(self) -> Looked:
        """The letters of all queues. Each is put back when all are read."""
        letters: list[Letter] = []
        hidden = unseen = 0
        for queue, shared in self._found.queues:
            state = queue.state()
            if state is None:
                continue
            seen = 0
            with queue.reading(state.there) as messages:
                for message in messages:
                    seen += 1
                    found = read(message, self._found, queue.name, shared=shared)
                    letters += [found.letter] if found is not None else []
            hidden += state.hidden
            unseen += max(0, state.there - seen)
        return Looked(tuple(sorted(letters, key=lambda one: (one.at, one.id))), hidden, unseen)

    def send(self, ids: Collection[str], payload: str | None = None) -> Iterator[Sent]:
        """One after the other; what has arrived goes from the queue."""
        for found, delete in self._take(set(ids)):
            done = send(self._found, found)
            # What starter and correlator refuse they put into the queue anew.
            if done.verdict in GOOD or done.verdict == REFUSED:
                delete()
            yield done

    def drop(self, ids: Collection[str]) -> Iterator[str]:
        """Without a question: that is asked before."""
        for found, delete in self._take(set(ids)):
            delete()
            yield found.letter.id

    def _take(self, wanted: set[str]) -> Iterator[tuple[Found, Callable[[], None]]]:
        """The wanted letters, each held while it is worked on; as many goes as it takes to find them."""
        for queue, shared in self._found.queues:
            came = True
            while wanted and came:
                came = False
                state = queue.state()
                if state is None:
                    break
                with queue.reading(state.there) as messages:
                    held_since = time.monotonic()
                    for message in messages:
                        if message.id not in wanted:
                            continue
                        found = read(message, self._found, queue.name, shared=shared)
                        wanted.discard(message.id)
                        came = True
                        if found is not None:
                            yield found, partial(queue.delete, message)
                        if time.monotonic() - held_since > HIDES - PATIENCE - 10:
                            break  # the others are read again, and held anew
