"""Calls: what AWS is asked, and what it means when it does not do it.

In:   a region.
Out:  boto3 clients that wait seconds, not minutes; OSError where nobody knows whether a request was carried out, or it
      was refused; `Gone` and `Conflict` where AWS says so.

Not here: what is asked. boto3 is imported by the first client. A client tries a request twice: what still fails is
looked at again by whoever asked, at the next tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_CONNECT_SECONDS, _READ_SECONDS = 3, 6
"""Twice both is more than a third of a lease: who waits so long polls no more until it has an answer."""
_TRIES = 2
_POOL = 10
_GONE = frozenset(("ResourceNotFoundException", "NoSuchBucket", "StateMachineDoesNotExist", "StateMachineDeleting"))
_CONFLICT = frozenset(("ConditionalCheckFailedException", "TransactionConflictException"))


class Refused(OSError):
    """AWS answered, and did not do it. `code` is its word for why."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


class Gone(Refused):
    """What was asked for is there no more."""


class Conflict(Refused):
    """Somebody else has written meanwhile, or is writing."""


class Clients:
    """Clients of one region, each made once, before threads use it."""

    def __init__(self, region: str) -> None:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": _TRIES, "mode": "standard"},
            max_pool_connections=_POOL,
            user_agent_extra="metaflow-triggers-poller",
        )
        self._make: Any = lambda service: boto3.client(service, region_name=region, config=config)
        self.dynamodb, self.s3, self.states = (self._made(name) for name in ("dynamodb", "s3", "stepfunctions"))

    def _made(self, service: str) -> Any:
        from metaflow_extensions.triggers.plugins.aws_answers import watch

        return watch(self._make(service))


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raise OSError, with words, for what a client raises inside."""
    from botocore.exceptions import BotoCoreError, ClientError
    from metaflow_extensions.triggers.plugins.aws_answers import NotAws, one_line

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error") or {}
        code = str(said.get("Code") or "")
        kind = Gone if code in _GONE else Conflict if code in _CONFLICT else Refused
        raise kind(code, f"{what}: {code}: {one_line(said.get('Message') or 'no reason given')}") from error
    except NotAws as error:
        raise OSError(f"{what}: it was not AWS that answered: {error}") from error
    except BotoCoreError as error:
        raise OSError(f"{what}: {type(error).__name__}: {one_line(error)}") from error
