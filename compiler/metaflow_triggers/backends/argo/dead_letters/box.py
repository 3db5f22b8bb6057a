"""Box: the starts of one flow that its Sensors have given up.

In:   a cluster, the flow's deployed name, where the runs are.
Out:  `GivenUp`, which has the shape of `dead_letters.letter.Box`; `letters_of`, for who reads alone.

Not here: why the cluster refused a start (`trail.sensor_log`). A record has name, id and time of its events and no
payload: who sends one again says what it held. It is named as the Workflow that was not made: a Workflow of this name
is the proof that it was started. Metaflow has been imported when something is published.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from metaflow_extensions.triggers.contract import event_check, exact_json, words

from ....dead_letters.letter import EVENT, KNOWN, ODD, OUTCOME, SET, STARTED, STAYS, UNSURE, Letter, Looked, Sent
from ....diagnostics import Diagnostic, DiagnosticError
from ....model.settings import Settings
from .. import NAME, SPEC
from ..deploy.cluster import Cluster, Superseded
from ..trail.deployed import recorded
from ..trail.listening import wanted
from ..trail.looks import Looks
from ..trail.sensor_log import why_refused

PATIENCE = 10.0
"""Seconds in which a Workflow has to be there once its event was published."""
_SELECTOR = "metaflow-triggers/start=given-up,metaflow-triggers/deployed-name={}"
_NO_REASON = "all tries were refused; only the Sensor's log says why, and it does not any more"
_NO_PAYLOAD = "its record has no payload: give what the event held with --payload, or {} where it held nothing"

Publish = Callable[[str, dict[str, Any], str, str], None]


def box(deployed: str, settings: Settings) -> GivenUp:
    """What the command uses."""
    return GivenUp(deployed, settings, Cluster.of(), SPEC.publish)


def letters_of(deployed: str, settings: Settings, cluster: Cluster) -> Looked:
    """The starts of the flow that were given up. Reads only. Raises DiagnosticError (FT701, FT702, FT704)."""
    return GivenUp(deployed, settings, cluster, SPEC.publish).look()


class GivenUp:
    """`publish` posts an event, as `Spec.publish` does."""

    def __init__(self, deployed: str, settings: Settings, cluster: Cluster, publish: Publish) -> None:
        self._deployed, self._settings, self._cluster, self._publish = deployed, settings, cluster, publish
        self._namespace = settings.kubernetes_namespace

    def look(self) -> Looked:
        looks = Looks(self._cluster)
        found = self._cluster.find("ConfigMap", self._namespace, _SELECTOR.format(self._deployed))
        letters = [self._letter(item, looks) for item in found]
        return Looked(tuple(sorted(letters, key=lambda one: (one.at, one.id))))

    def send(self, ids: Collection[str], payload: str | None = None) -> Iterator[Sent]:
        """`payload` is JSON text of what the event held."""
        for letter in self.look().letters:
            if letter.id in ids:
                done = self._send(letter, payload)
                if done.verdict in (STARTED, KNOWN):
                    self._delete(letter.id)
                yield done

    def drop(self, ids: Collection[str]) -> Iterator[str]:
        for letter in self.look().letters:
            if letter.id in ids and self._delete(letter.id):
                yield letter.id

    def _send(self, letter: Letter, payload: str | None) -> Sent:
        if self._is_started(letter.id):
            return Sent(letter, KNOWN, letter.id)
        if letter.stays:
            return Sent(letter, STAYS, letter.stays)
        if payload is None:
            return Sent(letter, STAYS, _NO_PAYLOAD)
        assert letter.name is not None and letter.event_id is not None, "only an event that is known does not stay"
        try:
            value = exact_json.loads(payload)
            text = event_check.check_payload(letter.name, value)
        except (ValueError, RecursionError) as error:
            raise _refused("FT761", f"the payload of event {letter.name!r}: {error}") from error
        try:
            self._publish(letter.name, value, text, letter.event_id)
        except Exception as error:  # a client may fail in ways of its own
            why = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            raise _refused("FT763", f"event {letter.name!r} was not published: {why}", SPEC.unpublished) from error
        end = time.monotonic() + PATIENCE
        while not self._is_started(letter.id):
            if time.monotonic() > end:
                return Sent(
                    letter, UNSURE, "the event bus has it; once its Workflow is there, send it again or drop it"
                )
            time.sleep(0.25)
        return Sent(letter, STARTED, letter.id)

    def _is_started(self, name: str) -> bool:
        return self._cluster.get("Workflow", self._namespace, name) is not None

    def _delete(self, name: str) -> bool:
        found = self._cluster.get("ConfigMap", self._namespace, name)
        labels = (found or {}).get("metadata", {}).get("labels", {})
        if found is None or labels.get("metaflow-triggers/start") != "given-up":
            return False
        try:
            return self._cluster.delete("ConfigMap", self._namespace, name, found["metadata"].get("uid"))
        except Superseded:
            return False

    # what a record says ----------------------------------------------------------------------------------------------

    def _letter(self, item: Any, looks: Looks) -> Letter:
        name = item["metadata"]["name"]
        data = item.get("data") or {}
        told = [_told(data[key]) for key in sorted(data) if key.startswith("event-")]
        events = [one for one in told if one is not None]
        flow = recorded(looks.at("WorkflowTemplate", self._namespace, self._deployed))
        since = item["metadata"].get("creationTimestamp")
        text = exact_json.dumps(events if len(told) != 1 else events[0]) if events else exact_json.dumps(data)
        kind, event, identity, stays = _kind(told)
        return Letter(
            id=name,
            backend=NAME,
            flow=flow.name if flow is not None else self._deployed,
            deployed=self._deployed,
            kind=kind,
            name=event,
            event_id=identity,
            reason=self._reason(name, events, flow, since, looks),
            at=since or "1970-01-01T00:00:00Z",
            where=f"ConfigMap {self._namespace}/{name}",
            size=len(text.encode("utf-8", "surrogatepass")),
            payload=text,
            stays=stays,
        )

    def _reason(self, name: str, events: list[dict[str, Any]], flow: Any, since: str | None, looks: Looks) -> str:
        """In the words of the cluster, where the Sensor's log has them for certain."""
        if flow is None or not events:
            return _NO_REASON
        for sensor, _ in wanted(flow, events[0]["name"], self._settings):
            for log in looks.sensor_logs(sensor.namespace, sensor.name):
                reason = why_refused(log, name, since)
                if reason is not None:
                    return reason
        return _NO_REASON


def _told(text: str) -> dict[str, Any] | None:
    """Name and id of an event, as the Sensor wrote them."""
    try:
        value = exact_json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("name", "id")):
        return None
    return value


def _kind(told: list[dict[str, Any] | None]) -> tuple[str, str | None, str | None, str]:
    """(kind, name, id, why it stays)."""
    if not told or None in told:
        return ODD, None, None, "its record does not say of what event it is"
    if len(told) > 1:
        return SET, None, None, "of a set each event is published again by itself: `emit` it under its id"
    (one,) = told
    assert one is not None
    if words.PUBLISHED_BY_RUNS.fullmatch(one["name"]):
        parent = one["name"].removeprefix("metaflow.outcome.").rpartition(".")[0]
        return OUTCOME, parent, one["id"], "only the run itself publishes its end"
    try:
        event_check.check_name(one["name"])
    except event_check.NotAnEvent as error:
        return EVENT, one["name"], one["id"], str(error)
    return EVENT, one["name"], one["id"], ""


def _refused(code: str, message: str, *helps: str) -> DiagnosticError:
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in message)
    if code == "FT761":
        return DiagnosticError([Diagnostic("FT761", shown, helps=helps)])
    return DiagnosticError([Diagnostic("FT763", shown, helps=helps)])
