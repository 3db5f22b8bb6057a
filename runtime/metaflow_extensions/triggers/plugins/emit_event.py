"""Emit event: publish an event where the run runs.

In:   a name and a payload (a JSON object).
Out:  the event on EventBridge (Step Functions task), in the local engine's log (a run of that engine, or where its
      database is configured), or on the webhook (Argo task, or where one is configured).

Not here: starting flows. In a plain run there is no place to publish to: one line says so.
boto3 and `values` are imported only where they are needed: this module is imported with Metaflow.
"""

from __future__ import annotations

import base64
import math
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from metaflow.exception import MetaflowException

_EVENT_LIMIT = 256 * 1024  # what EventBridge hands to Step Functions (StartExecution's input)
_ATTEMPTS = 6
# A message of NATS, less headers and what Argo Events adds, which writes the webhook's body into it as base64.
_BUS_LIMIT = (1024 * 1024 - 16 * 1024) * 3 // 4
_NOT_IT = "it was not EventBridge that answered"
_TRANSIENT = ("ThrottlingException", "InternalFailure", "InternalException", "ServiceUnavailable")


class EmitError(MetaflowException):
    """An event that was not published. The message says why."""

    headline = "Event not published"


def emit_event(
    name: str | Callable[[], str], payload: dict[str, Any] | None = None, ignore_errors: bool = False
) -> str | None:
    """Publish an event and return its id, or None where there is nowhere to publish to.

    Parameters
    ----------
    name : Union[str, Callable[[], str]]
        `[A-Za-z0-9_.-]`, at most 128 characters; or a function such as `namespaced_event_name('x')`.
    payload : Dict[str, Any], optional, default None
        A JSON object of at most 240 KiB.
    ignore_errors : bool, default False
        Log a line instead of raising.

    Returns
    -------
    str, optional
        The event's id. Transient faults are retried under this id, so the event starts a flow at most once.

    Raises
    ------
    EmitError
        Name or payload cannot be an event, or the event was refused, or could not be published.
    """
    try:
        return _emit(name, {} if payload is None else payload)
    except Exception as error:
        problem = error if isinstance(error, EmitError) else EmitError(f"{type(error).__name__}: {error}")
        if not ignore_errors:
            raise problem from error
        _log(f"event not published: {problem.message}")
        return None


def _emit(name: Any, payload: Any) -> str | None:
    if callable(name):
        name = name()
    from ..contract.event_check import NotAnEvent, check_name, check_payload

    try:
        text = check_payload(check_name(name), payload)
    except NotAnEvent as error:
        raise EmitError(str(error)) from error
    identity = str(uuid.uuid4())
    when = datetime.now(timezone.utc)
    if os.environ.get("SFN_STATE_MACHINE"):
        _to_eventbridge(name, payload, text, identity, when)
        return identity
    database = os.environ.get("METAFLOW_TRIGGERS_DATABASE")
    if database and not os.environ.get("ARGO_WORKFLOW_TEMPLATE"):
        _judge(name, text)
        _to_local(database, name, text, identity, when)
        return identity
    url = _webhook()
    if url:
        _to_webhook(url, _message(webhook_body(name, text, identity, when)))
        return identity
    if os.environ.get("ARGO_WORKFLOW_TEMPLATE"):
        raise EmitError("this Argo task knows no webhook: METAFLOW_TRIGGERS_WEBHOOK_URL is not set")
    _log(
        f"event {name!r} not published: this run is not deployed, nor started by the local engine, "
        "and METAFLOW_TRIGGERS_WEBHOOK_URL is not set"
    )
    return None


def publish_to_eventbridge(name: str, payload: dict[str, Any], text: str, identity: str) -> None:
    """Publish from outside of any run.

    `payload` and its JSON `text` have been judged (`event_check`). Raises EmitError if the event was not published.
    """
    _to_eventbridge(name, payload, text, identity, datetime.now(timezone.utc))


def publish_to_webhook(name: str, text: str, identity: str) -> None:
    """Publish from outside of any run, as `publish_to_eventbridge`, to Argo's webhook."""
    from metaflow import metaflow_config

    url = _webhook() or metaflow_config.ARGO_EVENTS_WEBHOOK_URL
    if not url:
        raise EmitError("no webhook is known: METAFLOW_TRIGGERS_WEBHOOK_URL is not set")
    _to_webhook(url, _message(webhook_body(name, text, identity, datetime.now(timezone.utc))))


def webhook_body(name: str, text: str, identity: str, when: datetime) -> dict[str, Any]:
    """The body for Argo's webhook. `text` is the payload's JSON text, which also travels exactly, as base64."""
    from ..contract.exact_json import loads

    payload = _for_sensors(loads(text))
    # Sensors that Metaflow deployed look for these inside the payload (argo_events.py); `keys` lets us take them out.
    added = {"name": name, "id": identity, "timestamp": int(when.timestamp())}
    return {
        "name": name,
        "id": identity,
        "timestamp": when.isoformat(),
        "payload": {**added, **payload},
        "payload_base64": base64.b64encode(text.encode("utf-8")).decode("ascii"),
        "keys": list(payload),
    }


def _for_sensors(value: Any) -> Any:
    """The value as far as a Sensor can read it. A Go program discards an event with a number beyond 64-bit floats."""
    if isinstance(value, dict):
        return {key: _for_sensors(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_for_sensors(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) > sys.float_info.max:
        return math.copysign(sys.float_info.max, 1 if value > 0 else -1)
    return value


def _message(body: dict[str, Any]) -> bytes:
    """The text of a webhook body. Raises EmitError for one that the bus cannot carry."""
    from ..contract.exact_json import dumps

    size = 0
    for sent in (body, {key: value for key, value in body.items() if key != "payload_base64"}):
        message = dumps(sent).encode("utf-8")
        # Go's encoding/json, and so Argo Events, writes each of these as six characters.
        size = len(message) + 5 * sum(map(message.count, b"<>&"))
        size += 3 * sum(map(message.count, (b"\xe2\x80\xa8", b"\xe2\x80\xa9")))
        if size <= _BUS_LIMIT:
            return message
        if not _survives_a_sensor(body["payload"]):  # the exact text has to go along
            break
    told = "each <, > and & counts as six"
    raise EmitError(f"event {body['name']!r} needs {size} bytes on Argo's bus ({told}); the limit is {_BUS_LIMIT}")


def _survives_a_sensor(value: Any) -> bool:
    """Whether a Go program that reads and writes the value leaves it equal: it reads numbers as 64-bit floats."""
    if isinstance(value, dict):
        return all(map(_survives_a_sensor, value.values()))
    if isinstance(value, list):
        return all(map(_survives_a_sensor, value))
    if isinstance(value, int):
        return abs(value) <= 2**53
    return not isinstance(value, float)


def _webhook() -> str | None:
    from metaflow import metaflow_config

    url = os.environ.get("METAFLOW_TRIGGERS_WEBHOOK_URL") or metaflow_config.TRIGGERS_WEBHOOK_URL
    if not url and os.environ.get("ARGO_WORKFLOW_TEMPLATE"):
        url = metaflow_config.ARGO_EVENTS_WEBHOOK_URL
    return url or None


def _to_webhook(url: str, body: bytes) -> None:
    from metaflow import metaflow_config

    from . import webhook

    token = os.environ.get(webhook.TOKEN_VARIABLE) or ""
    accepted = os.environ.get(webhook.ACCEPTED_VARIABLE) or metaflow_config.TRIGGERS_WEBHOOK_ACCEPTED or ""
    ca = os.environ.get(webhook.CA_VARIABLE) or metaflow_config.TRIGGERS_WEBHOOK_CA or ""

    def attempt() -> str | None:
        problem = webhook.send(url, token, body, accepted, ca=ca)
        if problem is None:
            return None
        if problem.then == webhook.AGAIN:
            return problem.why
        raise EmitError(problem.why)

    _until_published(attempt)


def _judge(name: str, text: str) -> None:
    """In a run of the local engine: hold the payload against the catalogue of the project. Raises EmitError."""
    file = os.environ.get("METAFLOW_TRIGGERS_CATALOGUE")
    if file:
        from metaflow_triggers.rules.catalogued import refusal  # where the engine runs it is installed

        if why := refusal(file, name, text):
            raise EmitError(why)


def _to_local(database: str, name: str, text: str, identity: str, when: datetime) -> None:
    import sqlite3

    from . import local_events

    def attempt() -> str | None:
        try:
            local_events.append(database, name, text, identity, local_events.timestamp_text(when))
        except sqlite3.OperationalError as error:  # busy, a full disk
            return f"the local engine's database {database} does not take the event: {error}"
        except (sqlite3.DatabaseError, local_events.Taken) as error:
            raise EmitError(str(error)) from None
        return None

    _until_published(attempt)


def _to_eventbridge(name: str, payload: Any, text: str, identity: str, when: datetime) -> None:
    from metaflow.metaflow_config import TRIGGERS_EVENT_BUS, TRIGGERS_EVENT_SOURCE
    from metaflow.plugins.aws.aws_client import get_aws_client

    from ..contract.exact_json import numbers_resource
    from ..contract.words import event_resource

    for spelling in (True, False):  # how a number is spelled is less than the event
        numbers = numbers_resource(payload, spelling)
        resources = [event_resource(identity), *([numbers] if numbers else [])]
        size = len(text.encode("utf-8")) + len(name) + sum(map(len, resources)) + 1024
        if size <= _EVENT_LIMIT:
            break
    else:
        raise EmitError(
            f"event {name!r} needs {size} bytes with the digits of its numbers; the limit is {_EVENT_LIMIT}"
        )
    entry = {
        "Time": when,
        "Source": TRIGGERS_EVENT_SOURCE,
        "DetailType": name,
        "Detail": text,
        "Resources": resources,
        "EventBusName": TRIGGERS_EVENT_BUS,
    }
    client = get_aws_client("events")

    def attempt() -> str | None:
        from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
        from botocore.parsers import ResponseParserError  # of no other error's kind

        try:
            answer = client.put_events(Entries=[entry])
        except ResponseParserError:
            raise EmitError(f"{_NOT_IT}: its answer cannot be read") from None
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            problem = f"EventBridge refused the event: {error}"
            if error.response.get("Error", {}).get("Code") in _TRANSIENT or status >= 500:
                return problem
            raise EmitError(problem) from None
        except (ConnectionError, HTTPClientError) as error:
            return f"EventBridge cannot be reached: {error}"
        if not answer.get("Entries"):  # botocore takes a page, and other JSON, for an answer with nothing in it
            raise EmitError(f"{_NOT_IT}: the answer tells of no event")
        if not answer.get("FailedEntryCount"):
            return None
        failed = answer["Entries"][0]
        problem = f"EventBridge refused the event: {failed.get('ErrorCode')}: {failed.get('ErrorMessage')}"
        if failed.get("ErrorCode") in _TRANSIENT:
            return problem
        raise EmitError(problem)

    _until_published(attempt)


def _until_published(attempt: Callable[[], str | None]) -> None:
    problem: str | None = None
    for number in range(_ATTEMPTS):
        if number:
            time.sleep(0.1 * 2**number)
        problem = attempt()
        if problem is None:
            return
    raise EmitError(f"{problem} ({_ATTEMPTS} attempts)")


def _log(line: str) -> None:
    print(f"emit_event: {line}", file=sys.stderr, flush=True)
