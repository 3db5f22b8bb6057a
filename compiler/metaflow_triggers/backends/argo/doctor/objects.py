"""Objects: what has to be in the namespaces before flows are deployed to them.

In:   the settings, what has been asked.
Out:  a finding for each: event bus, event sources that are others', Secrets, service accounts.

Not here: making them; what `create` makes itself is fine while it is absent. Values of Secrets are compared here, and
stand in no finding.
"""

from __future__ import annotations

import base64
import binascii
import json
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ....doctor.findings import Finding, fine, lacking, not_asked
from ....model.settings import Settings
from ..compile.lower import SENSOR_ACCOUNT
from ..compile.shared import RUN_ROLE
from .asking import ARGO, CORE, Asked, Refused
from .named_by_flows import Places

ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class _Source(NamedTuple):
    """An event source: `ours` is one that `create` makes. `settings` name it, its event, its address, its Secret."""

    thing: str
    name: str
    event: str
    url: str | None
    secret: str
    ours: bool
    settings: tuple[str, str, str, str]


class _Secret(NamedTuple):
    """A Secret that a setting names; `make` goes on from `kubectl create secret`."""

    thing: str
    name: str
    setting: str
    keys: tuple[str, ...]
    make: str
    namespace: str


def questions(
    settings: Settings, asked: Asked, pulled: tuple[str, ...], named: tuple[str, ...]
) -> Iterator[Callable[[], Finding]]:
    """What to ask. `pulled` are Secrets with which images are pulled, `named` those that steps are given."""
    sensors = settings.argo_sensor_namespace
    yield partial(_event_bus, "event bus", settings.argo_event_bus, sensors, asked)
    for source in _sources(settings):
        yield partial(_token, source, settings, asked)
        if not source.ours:
            yield partial(_event_source, source, sensors, asked)
    for secret in _secrets(settings, pulled, named):
        yield partial(_secret, secret, asked)
    yield partial(_account_of_runs, settings, asked)
    if settings.argo_sensor_service_account:
        setting = "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT"
        yield partial(_account, "account of Sensors", settings.argo_sensor_service_account, setting, sensors, asked)


def _sources(settings: Settings) -> Iterator[_Source]:
    yield _Source(
        "event source",
        settings.argo_event_source,
        settings.argo_event,
        settings.argo_webhook_url,
        settings.argo_webhook_secret,
        settings.argo_event_source_is_ours,
        (
            "METAFLOW_ARGO_EVENTS_EVENT_SOURCE",
            "METAFLOW_ARGO_EVENTS_EVENT",
            "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL",
            "METAFLOW_TRIGGERS_WEBHOOK_SECRET",
        ),
    )
    yield _Source(
        "event source of outcomes",
        settings.argo_outcome_event_source,
        settings.argo_outcome_event,
        settings.argo_outcome_webhook_url,
        settings.argo_outcome_secret,
        settings.argo_outcome_event_source_is_ours,
        (
            "METAFLOW_TRIGGERS_OUTCOME_EVENT_SOURCE",
            "METAFLOW_TRIGGERS_OUTCOME_EVENT",
            "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL",
            "METAFLOW_TRIGGERS_OUTCOME_SECRET",
        ),
    )


def _secrets(settings: Settings, pulled: tuple[str, ...], named: tuple[str, ...]) -> Iterator[_Secret]:
    runs, sensors = settings.kubernetes_namespace, settings.argo_sensor_namespace
    ours = settings.argo_event_source_is_ours or settings.argo_outcome_event_source_is_ours
    if settings.argo_webhook_tls_secret and ours:
        yield _Secret(
            "certificate",
            settings.argo_webhook_tls_secret,
            "METAFLOW_TRIGGERS_WEBHOOK_TLS_SECRET",
            ("tls.crt", "tls.key"),
            "tls {name} --cert=tls.crt --key=tls.key",
            sensors,
        )
    if settings.argo_webhook_ca_secret:
        yield _Secret(
            "authority",
            settings.argo_webhook_ca_secret,
            "METAFLOW_TRIGGERS_WEBHOOK_CA_SECRET",
            ("ca.crt",),
            "generic {name} --from-file=ca.crt",
            runs,
        )
    for name in pulled:
        make = "docker-registry {name} --docker-server=SERVER --docker-username=USER --docker-password=PASSWORD"
        setting, keys = "METAFLOW_KUBERNETES_IMAGE_PULL_SECRETS", (".dockerconfigjson",)
        yield _Secret(f"image pull {name}", name, setting, keys, make, runs)
    for name in named:
        make = "generic {name} --from-literal=NAME=VALUE"
        yield _Secret(f"Secret {name}", name, "METAFLOW_KUBERNETES_SECRETS", (), make, runs)


def of_flows(named: Places, settings: Settings, asked: Asked) -> Iterator[Callable[[], Finding]]:
    """What to ask of what flows name. `create` makes the account of Sensors where settings say that they are."""
    sensor, setting = settings.argo_sensor_service_account or SENSOR_ACCOUNT, "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT"
    for namespace in named.namespaces:
        yield partial(_account, f"account of Sensors in {namespace}", sensor, setting, namespace, asked)
    for namespace, bus in named.buses:
        yield partial(_event_bus, f"event bus {bus} in {namespace}", bus, namespace, asked)
    for namespace, source, event in named.sources:
        yield partial(_listened_to, source, event, namespace, asked)


def _listened_to(source: str, event: str, namespace: str, asked: Asked) -> Finding:
    thing, another = f"event source {source} in {namespace}", "or name another in the trigger's `options` or `origin`"
    found = asked.get(thing, ARGO, "eventsources", namespace, source)
    if found is None:
        return lacking(thing, "there is none", f"one of: kubectl -n {namespace} get eventsources", another)
    events = _events(found)
    if event not in events:
        return lacking(thing, f"it has no event `{event}`", f"one of: {', '.join(events)}", another)
    return fine(thing, event)


def _event_bus(thing: str, name: str, namespace: str, asked: Asked) -> Finding:
    found = asked.get(thing, ARGO, "eventbus", namespace, name)
    if found is None:
        bus = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "EventBus",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"jetstream": {"version": "latest"}},
        }
        make = f"echo {shlex.quote(json.dumps(bus))} | kubectl apply -f -"
        another = "or set METAFLOW_ARGO_EVENTS_EVENT_BUS, or the trigger's `options`, to one that exists"
        return lacking(thing, f"there is no EventBus `{name}` in `{namespace}`", make, another)
    conditions = (found.get("status") or {}).get("conditions") or []
    look = f"kubectl -n {namespace} describe eventbus {name}"
    if not conditions:
        told = f"no controller of Argo Events has looked at `{name}` in `{namespace}`"
        return lacking(thing, told, f"{PODS}; is the namespace one that it manages? {look}")
    wrong = [item for item in conditions if item.get("status") != "True"]
    if wrong:
        told = "; ".join(f"{item.get('type')} is {item.get('status')}: {item.get('message', '')}" for item in wrong)
        return lacking(thing, f"`{name}` is not ready: {told}", look)
    return fine(thing, name)


PODS = "kubectl get pods -A -l app.kubernetes.io/part-of=argo-events"


def _token(source: _Source, settings: Settings, asked: Asked) -> Finding:
    """Who publishes has the token of the namespace of runs, the event source the one of Sensors: they have to agree."""
    thing, name = f"token of the {source.thing}", source.secret
    runs, sensors = settings.kubernetes_namespace, settings.argo_sensor_namespace
    places = [runs, sensors] if source.ours else [runs]
    found = {place: asked.get(thing, CORE, "secrets", place, name) for place in dict.fromkeys(places)}
    another = f"or set {source.settings[3]} to another"
    for place, secret in found.items():
        if secret is not None and _value(secret, "token") is None:
            told = f"`{name}` in `{place}` has no key `token`"
            if source.ours:
                return lacking(thing, told, f"kubectl -n {place} delete secret {name}     # `create` makes it anew")
            make = f"kubectl -n {place} delete secret {name}; {_make_token(name, place)}"
            return lacking(thing, told, make, another)
    tokens = {_value(secret, "token") for secret in found.values() if secret is not None}
    if len(tokens) > 1:
        told = f"`{name}` has one token in `{runs}` and another in `{sensors}`: what runs publish would be refused"
        return lacking(thing, told, f"kubectl -n {runs} delete secret {name}     # `create` copies that of `{sensors}`")
    if tokens:
        return fine(thing, name)
    if source.ours:
        return fine(thing, f"`create` makes `{name}`")
    told = f"there is no `{name}` in `{runs}`: runs would publish without a token"
    return lacking(thing, told, _make_token(name, runs), another)


def _make_token(name: str, namespace: str) -> str:
    return f"kubectl -n {namespace} create secret generic {name} --from-literal=token=TOKEN     # the event source's"


def _value(secret: Any, key: str) -> bytes | None:
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "") or None
    except (binascii.Error, ValueError):
        return None


def _event_source(source: _Source, namespace: str, asked: Asked) -> Finding:
    of_name, of_event, of_url, _ = source.settings
    thing, name = source.thing, source.name
    if not source.url:
        told = f"{of_url} is not set, and {of_name} names an event source of your own"
        return lacking(thing, told, f"set {of_url} to where runs publish", f"or unset {of_name}", code="FT002")
    found = asked.get(thing, ARGO, "eventsources", namespace, name)
    if found is None:
        told = f"there is no EventSource `{name}` in `{namespace}`"
        listed = f"set {of_name} to one of: kubectl -n {namespace} get eventsources"
        return lacking(thing, told, listed, f"or unset {of_name}")
    events = _events(found)
    if source.event not in events:
        told = f"`{name}` has no event `{source.event}`"
        return lacking(thing, told, f"set {of_event} to one of: {', '.join(events)}")
    return fine(thing, name)


def _events(source: Any) -> list[str]:
    """The events of an EventSource: each kind of source has its own."""
    kinds = [kind for kind in (source.get("spec") or {}).values() if isinstance(kind, dict)]
    return sorted({str(key) for kind in kinds for key, one in kind.items() if isinstance(one, dict)})


def _secret(secret: _Secret, asked: Asked) -> Finding:
    name, namespace = secret.name, secret.namespace
    found = asked.get(secret.thing, CORE, "secrets", namespace, name)
    absent = [key for key in secret.keys if found is not None and _value(found, key) is None]
    if found is not None and not absent:
        return fine(secret.thing, name)
    code = "FT706" if secret.setting.startswith("METAFLOW_TRIGGERS_") else ""
    command = f"kubectl -n {namespace} create secret {secret.make.format(name=name)}"
    told = f"there is no Secret `{name}` in `{namespace}`"
    if found is not None:
        told = f"`{name}` in `{namespace}` has no {' and no '.join(f'`{key}`' for key in absent)}"
        command = f"kubectl -n {namespace} delete secret {name}; {command}"
    return lacking(secret.thing, told, command, f"or unset {secret.setting}", code=code)


def _account(thing: str, name: str, setting: str, namespace: str, asked: Asked) -> Finding:
    if asked.get(thing, CORE, "serviceaccounts", namespace, name) is not None:
        return fine(thing, name)
    make = f"kubectl -n {namespace} create serviceaccount {name}"
    return lacking(thing, f"there is no `{name}` in `{namespace}`", make, f"or set {setting} to one that exists")


def _account_of_runs(settings: Settings, asked: Asked) -> Finding:
    """Without a setting `create` binds nothing: the namespace's `default` may have the rights all the same."""
    thing, namespace = "account of runs", settings.kubernetes_namespace
    if settings.workflow_service_account:
        setting = "METAFLOW_KUBERNETES_SERVICE_ACCOUNT"
        return _account(thing, settings.workflow_service_account, setting, namespace, asked)
    if namespace in asked.absent:
        raise Refused(not_asked(thing, f"the namespace `{namespace}`"))
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:default",
            "resourceAttributes": {
                "group": "argoproj.io",
                "resource": "workflows",
                "verb": "get",
                "namespace": namespace,
            },
        },
    }
    right = "`create subjectaccessreviews.authorization.k8s.io`"
    answer = asked.answer(thing, "POST", ACCESS, right, body) or {}
    if (answer.get("status") or {}).get("allowed"):
        return fine(thing, "default")
    told = f"no setting names it, and `default` of `{namespace}` may not read the event that starts a run"
    return lacking(
        thing,
        told,
        "set METAFLOW_KUBERNETES_SERVICE_ACCOUNT to the account of the flows' pods; `default` is one, too",
        f"or, after `create`: kubectl -n {namespace} create rolebinding {RUN_ROLE}-default --role={RUN_ROLE} "
        f"--serviceaccount={namespace}:default",
        code="FT508",
    )
