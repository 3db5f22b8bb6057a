"""`create` and `delete` in processes of their own that are killed, or stopped for a while, at one of their writes.

In:   an emulated account, work that takes a maker of clients.
Out:  what became of the process; how many writes there were.

Not here: what the account has afterwards (`account.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from .account import ended, in_a_process, is_write
from .inside import BEFORE
from .service import Aws

Work = Callable[[Callable[[str], Any]], Any]
_SERVICES = ("batch", "dynamodb", "events", "iam", "logs", "s3", "scheduler", "sqs", "stepfunctions", "sts")


class Deploying:
    """Clients that are made once, here: forked processes use them, and making them takes longer than what they do."""

    def __init__(self, aws: Aws) -> None:
        self._made = {service: aws.client(service) for service in _SERVICES}
        self.client: Callable[[str], Any] = self._made.__getitem__

    def killed(self, work: Work, number: int, side: str) -> bool:
        """Do `work` in a process that is killed at its write of that number, from 0; False if there is none."""
        code = ended(in_a_process(lambda: self._signalled(work, number, side, signal.SIGKILL)))
        assert code in (0, -signal.SIGKILL), code
        return code != 0

    def stopped(self, work: Work, number: int, side: str, meanwhile: Callable[[], Any]) -> int | None:
        """Do `work` in a process that is stopped at that write, and goes on when `meanwhile` is done.

        Its exit code; None if it ended before such a write.
        """
        child = in_a_process(lambda: self._signalled(work, number, side, signal.SIGSTOP))
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return None
        try:
            meanwhile()
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            os.kill(child, signal.SIGCONT)
            code = ended(child)
        return code

    def writes(self, work: Work) -> list[str]:
        """Do `work` here; the operations that may have changed something, in order."""
        with self._watched(BEFORE) as seen:
            work(self.client)
        return seen

    def _signalled(self, work: Work, number: int, side: str, sent: int) -> None:
        def at_write(seen: list[str]) -> None:
            if len(seen) == number + 1:
                os.kill(os.getpid(), sent)

        with self._watched(side, at_write):
            work(self.client)

    @contextlib.contextmanager
    def _watched(self, side: str, at_write: Callable[[list[str]], None] = lambda seen: None) -> Iterator[list[str]]:
        seen: list[str] = []

        def called(model: Any, **_: Any) -> None:
            if is_write(model.name):
                seen.append(model.name)
                at_write(seen)

        for made in self._made.values():
            made.meta.events.register(side, called)
        try:
            yield seen
        finally:
            for made in self._made.values():
                made.meta.events.unregister(side, called)
