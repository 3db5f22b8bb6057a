"""Poll children: the engine's side of the processes that poll, one per file.

In:   files and names of triggers to poll now; a starter, a clock.
Out:  for each poll one answer (`Heard`), whatever becomes of the process: a child that dies, hangs or speaks nonsense
      is ended, said to be down, and started anew after 1, 2, 4 ... 60 seconds; what was asked meanwhile is asked then.

Not here: when a poll is due, what an answer means (`polls.poller`). One thread does all of it; others only leave word.
"""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from . import child as said
from .answers import Answer, Heard
from .clock import Clock
from .link import Link
from .starters import Starter

TIMEOUT_SECONDS = 30.0
READING_SECONDS = 60.0
LONGEST_PAUSE = 60.0
_SILENCE_SECONDS = 60.0
"""For a child that has begun none of the polls that it was asked for."""
_FAREWELL_SECONDS = 0.5
"""From the end of a child's channel to the news of its own end."""


@dataclass(eq=False)
class _File:
    """A file and its process. `waiting` is asked when the process is ready; `sent` says when a poll began, or None.

    `reason`: why we end the process, or what it said last; `is_leaving`: it has to end, whatever it does.
    """

    path: str
    names: frozenset[str] = frozenset()
    waiting: dict[str, None] = field(default_factory=dict)
    sent: dict[str, float | None] = field(default_factory=dict)
    link: Link | None = None
    is_ready: bool = False
    is_leaving: bool = False
    is_planned: bool = False
    is_changed: bool = False
    closed_at: float | None = None
    since: float = 0.0
    moved: float = 0.0
    failures: int = 0
    again: float | None = None
    reason: str = ""
    trace: str = ""

    def begun(self) -> list[str]:
        """The polls at work."""
        return [name for name, began in self.sent.items() if began is not None]


class Children:
    """`start`, then `serve`, `poll` and `restart` from any thread, then `stop`."""

    def __init__(
        self,
        starter: Starter,
        clock: Clock,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        self._starter = starter
        self._clock = clock
        self._timeout = timeout_seconds
        self._reading = reading_seconds
        self._heard: Heard | None = None
        self._files: dict[str, _File] = {}
        self._orders: collections.deque[Callable[[], None]] = collections.deque()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._work, name="poll-children", daemon=True)

    # from any thread ------------------------------------------------------------------------------------------------

    def start(self, heard: Heard) -> None:
        """Begin; what happens is told to `heard`."""
        self._heard = heard
        self._thread.start()

    def serve(self, file: str, names: Iterable[str]) -> None:
        """These are the triggers of a file that are polled here; none: its process is not needed."""
        kept = frozenset(names)
        self._order(lambda: self._serve(file, kept))

    def poll(self, file: str, names: Iterable[str]) -> None:
        """Poll these now, or when the file's process is there again."""
        asked = tuple(names)
        self._order(lambda: self._ask(self._files.setdefault(file, _File(file)), asked))

    def restart(self, file: str) -> None:
        """The file has changed: its process ends when its polls have, and another one begins."""
        self._order(lambda: self._change(file))

    def stop(self, seconds: float) -> None:
        """Let polls that have begun end, at most for so many seconds; then end all processes."""
        self._order(lambda: self._leave(seconds))
        if self._thread.ident is not None:
            self._thread.join()
        self._starter.close()
        for end in (self._wake_read, self._wake_write):
            os.close(end)
        self._selector.close()

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    # in its own thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        again = self._starter.attach(self._selector, lambda: None)
        while True:
            waits = [self._tend(file) for file in self._files.values()]
            now = self._clock.monotonic()
            if self._stop_at is not None:
                waits.append(self._stop_at)
                if now >= self._stop_at or not any(file.begun() for file in self._files.values()):
                    break
            seconds = max(0.0, min(waits) - now) if waits and min(waits) != float("inf") else None
            if again is not None:
                seconds = min(again, again if seconds is None else seconds)
            for key, _ in self._selector.select(seconds):
                key.data()
            while self._orders:
                self._orders.popleft()()
            ended = dict(self._starter.ended())
            for file in self._files.values():
                if file.link is not None and file.link.started.number in ended:
                    self._over(file, ended[file.link.started.number])
        for file in self._files.values():
            self._drop(file)

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    # orders

    def _serve(self, path: str, names: frozenset[str]) -> None:
        file = self._files.setdefault(path, _File(path))
        file.names = names
        for name in [name for name in file.waiting if name not in names]:
            del file.waiting[name]
            self._told.answered(name, None)
        if names:
            self._begin(file)
        elif file.link is not None:
            self._end(file, "", planned=True)

    def _ask(self, file: _File, names: Iterable[str]) -> None:
        for name in names:
            if name in file.names:
                file.waiting[name] = None
            else:
                self._told.answered(name, None)
        self._send(file)

    def _change(self, path: str) -> None:
        file = self._files.get(path)
        if file is None:
            return
        file.failures, file.again = 0, None
        file.is_changed = file.link is not None
        if file.names:
            self._begin(file)

    def _leave(self, seconds: float) -> None:
        self._stop_at = self._clock.monotonic() + seconds
        for file in self._files.values():
            file.names, file.waiting = frozenset(), {}

    # the life of a process

    def _begin(self, file: _File) -> None:
        now = self._clock.monotonic()
        if file.link is not None or (file.again is not None and now < file.again):
            return
        file.is_ready = file.is_leaving = file.is_planned = file.is_changed = False
        file.closed_at, file.reason, file.trace = None, "", ""
        file.since = file.moved = now
        try:
            started = self._starter.start(file.path)
        except OSError as error:
            self._failed(file, f"could not begin: {error}", [])
            return
        file.link = Link(started, self._told.printed)
        self._selector.register(started.channel, selectors.EVENT_READ, lambda: self._hear(file))
        self._selector.register(started.output, selectors.EVENT_READ, lambda: self._hear_printed(file))

    def _send(self, file: _File) -> None:
        if file.link is None or not file.is_ready or file.is_leaving or file.is_changed:
            return
        asked = [name for name in file.waiting if name not in file.sent]
        names = [name for name in asked if self._told.wanted(name)]
        for name in asked:
            del file.waiting[name]
            if name not in names:
                self._told.answered(name, None)
        if not names:
            return
        file.moved = self._clock.monotonic()
        file.sent.update(dict.fromkeys(names))
        try:
            file.link.say(names)
        except OSError:
            file.closed_at = file.closed_at or self._clock.monotonic()
        else:
            self._watch(file.link)

    def _watch(self, link: Link) -> None:
        wanted = selectors.EVENT_READ | (0 if link.is_sent else selectors.EVENT_WRITE)
        key = self._selector.get_key(link.started.channel)
        if key.events != wanted:
            self._selector.modify(link.started.channel, wanted, key.data)

    def _hear(self, file: _File) -> None:
        link = file.link
        if link is None:
            return
        with contextlib.suppress(OSError):  # that it is closed, reading tells
            link.flush()
        for first, *rest in link.words():
            self._take(file, first, rest)
        if link.is_closed:
            file.closed_at = self._clock.monotonic()
            self._selector.unregister(link.started.channel)
        else:
            self._watch(link)
        if link.is_nonsense:
            self._end(file, "was ended: a poll wrote into the engine's connection")

    def _take(self, file: _File, first: str, rest: list[Any]) -> None:
        now = file.moved = self._clock.monotonic()
        if first == said.READY:
            file.is_ready, file.again = True, None
            self._told.up(file.names)
            self._send(file)
        elif first == said.UNREAD:
            file.reason, file.trace = f"could not read it: {rest[0]}", rest[1]
        elif rest[0] not in file.sent:
            return  # reported already
        elif first == said.BEGUN:
            file.sent[rest[0]] = now
            self._told.begun(rest[0])
        else:
            answer = _answer(first, *rest[1:])
            del file.sent[rest[0]]
            self._told.answered(rest[0], answer)

    def _hear_printed(self, file: _File) -> None:
        if file.link is not None and not file.link.hear_printed(self._clock.monotonic()):
            self._selector.unregister(file.link.started.output)

    def _end(self, file: _File, reason: str, *, planned: bool = False) -> None:
        """Have the process killed; `_over` follows."""
        if file.link is not None and not file.is_leaving:
            file.is_leaving, file.is_planned, file.reason = True, planned, file.reason or reason
            self._starter.end(file.link.started)

    def _over(self, file: _File, how: str) -> None:
        """The process has ended."""
        if file.link is not None and not file.link.is_closed:
            with contextlib.suppress(Exception):
                self._hear(file)  # what it said last
        begun = file.begun()
        for name in file.sent:
            if name not in begun and name in file.names:
                file.waiting[name] = None
        file.sent.clear()
        self._drop(file)
        if not file.is_planned:
            self._failed(file, file.reason or how, begun)
            return
        for name in begun:
            self._told.answered(name, None)
        if file.names:
            self._begin(file)

    def _failed(self, file: _File, why: str, begun: Iterable[str]) -> None:
        now = self._clock.monotonic()
        if file.is_ready and now - file.since >= LONGEST_PAUSE:
            file.failures = 0
        seconds = min(LONGEST_PAUSE, 2.0**file.failures)
        file.failures += 1
        file.again = now + seconds
        text = f"the process that polls `{file.path}` {why}"
        for name in begun:
            self._told.answered(name, Answer("error", None, text))
        if file.names:
            self._told.down(file.names, text, file.trace, seconds)

    def _drop(self, file: _File) -> None:
        if file.link is None:
            return
        for end in (file.link.started.channel, file.link.started.output):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
        file.link.close()
        file.link = None

    def _tend(self, file: _File) -> float:
        """Do what the time asks for; returns when to look again."""
        now = self._clock.monotonic()
        if file.link is None:
            if file.again is None or not file.names:
                return float("inf")
            if now >= file.again:
                self._begin(file)
                return now
            return file.again
        if file.is_leaving:
            return float("inf")
        nearest = [self._unmuted(file, file.link, now)]
        if file.is_changed and not file.begun():
            self._end(file, "", planned=True)
            return float("inf")
        if file.closed_at is not None:
            nearest.append(
                self._until(file, file.closed_at + _FAREWELL_SECONDS, "was ended: it closed the engine's connection")
            )
        if not file.is_ready:
            seconds = self._reading
            nearest.append(
                self._until(file, file.since + seconds, f"was ended: it did not read the file within {seconds:g} s")
            )
        elif file.sent and not file.begun():
            nearest.append(self._until(file, file.moved + _SILENCE_SECONDS, "was ended: it began no poll any more"))
        for name in file.begun():
            nearest.append(self._until_poll(file, name, now))
        return min(nearest)

    def _until(self, file: _File, moment: float, reason: str) -> float:
        if self._clock.monotonic() < moment:
            return moment
        self._end(file, reason)
        return float("inf")

    def _until_poll(self, file: _File, name: str, now: float) -> float:
        moment = (file.sent[name] or now) + self._timeout
        if now < moment:
            return moment
        del file.sent[name]
        late = f"did not end within {self._timeout:g} seconds"
        self._told.answered(name, Answer("error", None, f"TimeoutError: the poll {late}; its process was ended"))
        self._end(file, f"was ended: poll {name} {late}")
        return float("inf")

    def _unmuted(self, file: _File, link: Link, now: float) -> float:
        if link.muted_until is None or now < link.muted_until:
            return link.muted_until or float("inf")
        link.muted_until = None
        self._selector.register(link.started.output, selectors.EVENT_READ, lambda: self._hear_printed(file))
        return float("inf")

    @property
    def _told(self) -> Heard:
        assert self._heard is not None
        return self._heard


def _answer(first: str, *rest: Any) -> Answer:
    if first == said.SKIP:
        return Answer("skip")
    if first == said.FIRE:
        return Answer("fire", rest[0])
    return Answer("error", None, rest[0], rest[1])
