"""An emulated account inside a process: a fork of the process is a copy of the account.

In:   work that asks an `Aws`.
Out:  `in_a_copy()`: what it gives, and nothing is changed; `account()`: an empty account; `at_writes()`: a place to be
      told of each write.

Not here: an account that outlives the process that asks it (`worlds.py`), which costs three times as much.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .account import is_write
from .moto_corrections import correct
from .service import Aws

T = TypeVar("T")

BEFORE, AFTER = "before-call", "after-call"
"""The two sides of a call: it is not sent yet; its answer is there, and nothing has been made of it."""


_SERVICES = (
    "batch",
    "cloudwatch",
    "dynamodb",
    "events",
    "iam",
    "resourcegroupstaggingapi",
    "s3",
    "scheduler",
    "sqs",
    "stepfunctions",
    "sts",
)


class Inside(Aws):
    """Every client is made once, and copies of the process use it."""

    def __init__(self) -> None:
        import boto3
        from moto import mock_aws  # noqa: F401 - before the session is made, else its clients ask AWS

        super().__init__("inside")
        session = boto3.session.Session("test", "test", region_name="eu-west-1")
        self._made = {service: session.client(service) for service in _SERVICES}
        for service in _SERVICES:
            importlib.import_module(f"moto.{service}.responses")

    def client(self, service: str) -> Any:
        return self._made[service]

    @contextlib.contextmanager
    def at_writes(self, told: Callable[[str, str], None]) -> Iterator[None]:
        """Inside, `told` is called with the side and the operation of each call that may change something."""

        def called(model: Any, event_name: str, **_: Any) -> None:
            if is_write(model.name):
                told(event_name.partition(".")[0], model.name)

        for service in _SERVICES:
            for side in (BEFORE, AFTER):
                self.client(service).meta.events.register(side, called)
        yield
        for service in _SERVICES:
            for side in (BEFORE, AFTER):
                self.client(service).meta.events.unregister(side, called)


@functools.cache
def inside() -> Inside:
    """The one of this process: it takes longer than what it is asked for in most tests."""
    return Inside()


@contextlib.contextmanager
def account() -> Iterator[Inside]:
    """An account with nothing but an event bus `orders`. To be used in a copy: what it changes in moto stays."""
    from moto import mock_aws

    correct()
    with mock_aws(config={"batch": {"use_docker": False}}):  # type: ignore[typeddict-item]
        inside().client("events").create_event_bus(Name="orders")
        yield inside()


def in_a_copy(work: Callable[[], T]) -> T:
    """What `work` gives in a copy of this process. Raises AssertionError with what it raised there."""
    inside()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(write, "wb") as pipe:
                try:
                    answer = (True, work())
                except BaseException:
                    answer = (False, traceback.format_exc())  # type: ignore[assignment]
                pickle.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    assert text, "the copy ended before its work did"
    done, found = pickle.loads(text)
    assert done, found
    return found  # type: ignore[no-any-return]
