"""Poll pool: threads that call poll functions.

In:   jobs (functions without arguments that do not raise).
Out:  each called once, in a thread; few threads when polls are quick, more while some hang.

Not here: timeouts are noticed by `polls.poller`, which then gives a worker up (`abandon`). A thread cannot be killed:
one that is given up ends when its poll does, and is replaced.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

_STALLED_SECONDS = 0.1
_IDLE_SECONDS = 10.0


class PollPool:
    """`size` threads that are there to stay, and more while jobs wait and nobody takes them."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._given_up: set[threading.Thread] = set()
        self._idle = 0
        self._last_taken = time.monotonic()
        self._closed = False

    def submit(self, job: Callable[[], None]) -> None:
        """Have a job called soon."""
        with self._lock:
            if self._idle == 0 and len(self._threads) < self._size:
                self._grow()
            if self._jobs.empty():
                self._last_taken = time.monotonic()
        self._jobs.put(job)

    def relieve(self) -> bool:
        """Add a thread if jobs wait and none was taken for a while; whether jobs wait."""
        if self._jobs.empty():
            return False
        with self._lock:
            if time.monotonic() - self._last_taken >= _STALLED_SECONDS:
                self._grow()
                self._last_taken = time.monotonic()
        return True

    def abandon(self, thread: threading.Thread) -> None:
        """Count a thread out whose job hangs."""
        with self._lock:
            if thread in self._threads:
                self._threads.discard(thread)
                self._given_up.add(thread)

    def threads(self) -> int:
        """How many threads there are, given up ones included."""
        with self._lock:
            return len(self._threads) + len(self._given_up)

    def close(self, seconds: float) -> None:
        """Let the threads end; waits at most `seconds` for those whose jobs go on."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._jobs.put(None)
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _grow(self) -> None:
        # A daemon: a poll that hangs must not keep the engine from ending.
        thread = threading.Thread(target=self._work, name="poll", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            with self._lock:
                if me in self._given_up or self._closed:
                    break
                self._idle += 1
            try:
                job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                job = None
                with self._lock:
                    self._idle -= 1
                    if len(self._threads) <= self._size:
                        continue
                break
            with self._lock:
                self._idle -= 1
                self._last_taken = time.monotonic()
            if job is None:
                break
            job()
        with self._lock:
            self._threads.discard(me)
            self._given_up.discard(me)
