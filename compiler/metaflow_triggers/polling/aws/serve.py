"""Serve: the process of a poller's job.

In:   the command line that `main` describes, in the folder of the flow's code.
Out:  polls until it is told to stop, another version is wanted, another process polls or the table is gone: exit code
      0; without rights or an answer for ten minutes: 1. With `--once` what is due is polled, once.

Not here: how the job comes to have the code, and who starts it again (`backends.step_functions`).
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

from ..children import TIMEOUT_SECONDS, Children
from ..clock import SystemClock
from ..lease import SECONDS, Lease
from ..places import NoLease
from ..poller import SAVE_SECONDS, Poller
from ..record import Declaration
from ..starters import starter
from . import LONG_SECONDS
from .calls import Clients, Gone
from .starting import Documents, Executions
from .store import POLLER, Items, LeaseItem, Table, declared_in, text

log = logging.getLogger("metaflow_triggers.poll")

_MACHINE = re.compile(r"arn:[a-z-]+:states:(?P<region>[a-z0-9-]+):[0-9]{12}:stateMachine:[^:*?\s]{1,80}")
EARLY_SECONDS = LONG_SECONDS / 2
"""With `--once`: what is due so much later is polled now, so that a slow host at one tick does not cost the next."""
_HELPLESS_SECONDS = 600.0
_ROUND_SECONDS = 900.0
"""A round that is not done by then is given up."""
_DRAIN_SECONDS = TIMEOUT_SECONDS
DONE, HELPLESS = 0, 1


class _Ended:
    """Why this process ends, said once."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.code, self.why, self.seconds = DONE, "told to stop", 0.0

    def say(self, code: int, why: str, seconds: float) -> None:
        """`seconds`: how long polls that have begun may take."""
        if not self.event.is_set():
            self.code, self.why, self.seconds = code, why, seconds
            self.event.set()


class _Tenure(Lease):
    """The lease, and what each look at it says of whether to go on."""

    def __init__(self, items: Items, version: str, ended: _Ended, helpless_seconds: float, **lease: Any) -> None:
        super().__init__(LeaseItem(items), f"{socket.gethostname()}-{uuid.uuid4().hex}-{os.getpid()}", **lease)
        self._items, self._version, self._ended = items, version, ended
        self._helpless_seconds = helpless_seconds
        self._answered = self._monotonic()
        self._others: Any = None

    def keep(self) -> bool:
        """Take or renew it; whether it is ours. Raises OSError and NoLease."""
        try:
            wanted = text(self._items.get(POLLER, "wanted"), "wanted")
            if wanted != self._version:
                why = f"version {wanted or 'none'} is wanted, this is {self._version}"
                self._ended.say(DONE, why, _DRAIN_SECONDS)
                raise NoLease(why)
            ours = super().keep()
        except Gone as error:
            self._ended.say(DONE, f"the flow is deployed no more: {error}", 0.0)
            raise
        except (OSError, NoLease):
            if self._monotonic() - self._answered > self._helpless_seconds:
                self._ended.say(HELPLESS, f"no lease for {self._helpless_seconds:g} seconds", 0.0)
            raise
        self._answered = self._monotonic()
        if not ours:
            self._see_others()
        return ours

    def _see_others(self) -> None:
        """Who finds that another one is at work has nothing to do."""
        beat = self._seen and self._seen[0]
        if self._others is not None and beat != self._others:
            self._ended.say(DONE, "another process polls", 0.0)
        self._others = beat


def main(arguments: list[str]) -> None:
    """Poll. Exits."""
    sys.exit(_serve(_given(arguments)))


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="poller")
    parser.add_argument("--table", required=True, help="the flow's table of polls")
    parser.add_argument("--machine", required=True, help="the ARN of the flow's state machine")
    parser.add_argument("--documents", required=True, help="s3://bucket/root of the datastore")
    parser.add_argument("--version", required=True, help="ends when the table wants another one")
    parser.add_argument("--encryption", help="of what is stored: AES256, aws:kms or aws:kms:dsse")
    parser.add_argument("--kms-key", help="the ARN of the key of that")
    parser.add_argument("--once", action="store_true", help="poll what is due, and end")
    parser.add_argument("--lease-seconds", type=float, default=float(SECONDS), help=argparse.SUPPRESS)
    parser.add_argument("--early-seconds", type=float, default=EARLY_SECONDS, help=argparse.SUPPRESS)
    parser.add_argument("--helpless-seconds", type=float, default=_HELPLESS_SECONDS, help=argparse.SUPPRESS)
    parser.add_argument("--stop-seconds", type=float, default=10.0, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    machine = _MACHINE.fullmatch(given.machine)
    if machine is None:
        parser.error(f"--machine {given.machine!r}: expected the ARN of a state machine")
    given.region = machine["region"]
    encryption = {"ServerSideEncryption": given.encryption, "SSEKMSKeyId": given.kms_key}
    try:
        given.documents = Documents.of(given.documents, {key: value for key, value in encryption.items() if value})
    except ValueError as error:
        parser.error(f"--documents: {error}")
    return given


def _serve(given: argparse.Namespace) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    ended = _Ended()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.say(DONE, "told to stop", given.stop_seconds))
    clock = SystemClock()
    clients = Clients(given.region)
    items = Items(clients.dynamodb, given.table)
    lease_times = {"monotonic": clock.monotonic, "now": clock.now, "seconds": given.lease_seconds}
    tenure = _Tenure(items, given.version, ended, given.helpless_seconds, **lease_times)
    declared = _declared(items, given, ended, clock)
    if declared is None:
        log.info("ends: %s", ended.why)
        return ended.code
    executions = Executions(clients, given.machine, given.documents, monotonic=clock.monotonic, now=clock.now)
    timeout = min(TIMEOUT_SECONDS, given.lease_seconds * 2 / 3)
    poller = Poller(
        Table(items, declared),
        executions,
        sorted(declared),
        tenure,
        hosts=Children(starter(("metaflow",), dict(os.environ)), clock, timeout_seconds=timeout),
        clock=clock,
        root=os.getcwd(),
        lease_seconds=given.lease_seconds,
        early_seconds=given.early_seconds if given.once else None,
        save_seconds=_save_seconds,
    )
    poller.start()
    log.info("polls %d triggers", len(declared))
    if given.once:
        _in_thread(lambda: _one_round(poller, ended))
    ended.event.wait()
    log.info("ends: %s", ended.why)
    poller.stop(ended.seconds)
    return ended.code


def _save_seconds(claims: int) -> float:
    """DynamoDB takes its price for all of an item, 1 KiB of which has two or three claims."""
    return SAVE_SECONDS * (1 + claims // 8)


def _one_round(poller: Poller, ended: _Ended) -> None:
    if poller.finished.wait(_ROUND_SECONDS):
        ended.say(DONE, "what was due has been polled", 0.0)
    else:
        ended.say(HELPLESS, f"the round was not done within {_ROUND_SECONDS:g} seconds", 0.0)


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="poll-round", daemon=True).start()


def _declared(
    items: Items, given: argparse.Namespace, ended: _Ended, clock: SystemClock
) -> dict[str, Declaration] | None:
    """What is to be polled, or None where there is nothing to do here (`ended` says why)."""
    begun = clock.monotonic()
    while not ended.event.is_set():
        try:
            item = items.get(POLLER)
            wanted = text(item, "wanted")
            if wanted != given.version:
                ended.say(DONE, f"version {wanted or 'none'} is wanted, this is {given.version}", 0.0)
                return None
            found = declared_in(item)
        except Gone as error:
            ended.say(DONE, f"the flow is deployed no more: {error}", 0.0)
        except ValueError as error:
            ended.say(HELPLESS, f"what is declared cannot be understood: {error}", 0.0)
        except OSError as error:
            log.warning("%s", error)
            if clock.monotonic() - begun > given.helpless_seconds:
                ended.say(HELPLESS, f"no answer for {given.helpless_seconds:g} seconds", 0.0)
            clock.wait(ended.event, min(5.0, given.lease_seconds / 9))
        else:
            if found:
                return found
            ended.say(DONE, "nothing is declared", 0.0)
    return None
