"""Argo source: the trigger document of a run, read from its own Workflow object.

In:   the pod's environment and service account; the Kubernetes API.
Out:  the document, or None where no event started the run.

Not here: storing it, converting values. Only the standard library: the kubernetes package need not be in the image.
"""

from __future__ import annotations

import base64
import os
import ssl
import time
import urllib.error
import urllib.request
from typing import Any

from ..contract.event_reader import EventError
from ..contract.exact_json import loads
from ..contract.trigger_document import event, started_by
from ..contract.words import DEPENDENCIES_ANNOTATION, EVENT_ARGUMENT, PAYLOAD_ARGUMENT, STARTED_BY_LABEL

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_ATTEMPTS = 5


def read_document(base_url: str | None = None, service_account: str = SERVICE_ACCOUNT) -> dict[str, Any] | None:
    """The document of the Workflow that this pod belongs to, or None if no event started it.

    `base_url` replaces the address of the Kubernetes API (default: KUBERNETES_SERVICE_HOST and _PORT).
    Raises EventError if the Workflow cannot be read or does not hold what a Sensor of ours puts there.
    """
    return document_of(_workflow(base_url, service_account))


def document_of(workflow: dict[str, Any]) -> dict[str, Any] | None:
    """The document of a Workflow object, or None. Raises EventError for a broken one."""
    metadata = workflow.get("metadata") or {}
    if (metadata.get("labels") or {}).get(STARTED_BY_LABEL) != "event":
        return None
    # The event that started the run, and not one that came later with the same name and id and another payload: that
    # one is a patch of `spec`, of which the controller keeps what it was when the run began (setStoredWfSpec in its
    # workflow/controller/operator.go).
    kept = _arguments((workflow.get("status") or {}).get("storedWorkflowTemplateSpec"))
    first_of_set = f"{EVENT_ARGUMENT}-0"
    arguments = kept if kept.get(EVENT_ARGUMENT) or kept.get(first_of_set) else _arguments(workflow.get("spec"))
    name = metadata.get("name")
    try:
        static = loads((metadata.get("annotations") or {})[DEPENDENCIES_ANNOTATION])
        suffixes = [""]
        if arguments.get(first_of_set):  # a set of events started the run
            suffixes = [f"-{place}" for place in range(len(arguments)) if arguments.get(f"{EVENT_ARGUMENT}-{place}")]
        bodies = [
            _event(name, arguments[EVENT_ARGUMENT + suffix], arguments.get(PAYLOAD_ARGUMENT + suffix))
            for suffix in suffixes
        ]
    except (KeyError, ValueError) as error:
        if isinstance(error, EventError):
            raise
        raise EventError(f"Workflow {name!r} does not hold its event: {error!r}") from None
    if not isinstance(static, dict):
        static = {"dependencies": static}
    dependencies = static.get("dependencies") or []
    # Where one event may fill several dependencies of a set, the document says where the set's own begin.
    if "set_at" in static:
        dependencies = dependencies[static["set_at"] :][: len(bodies)]
    return started_by(dependencies, [event("argo", body) for body in bodies])


def _arguments(spec: Any) -> dict[str, Any]:
    parameters = ((spec or {}).get("arguments") or {}).get("parameters") or []
    return {parameter.get("name"): parameter.get("value") for parameter in parameters}


def _event(workflow: Any, envelope: str, payload: str | None) -> dict[str, Any]:
    """The webhook body of one event."""
    event = _decode(envelope)
    if not isinstance(event, dict):
        raise EventError(f"Workflow {workflow!r}: its event is not an object")
    if not payload:
        return event
    try:
        value = _decode(payload)
    except ValueError as error:
        raise EventError(f"Workflow {workflow!r} does not hold its payload: {error!r}") from None
    # Without `keys` nothing in it was added by a publisher of ours.
    keys = event.get("keys") if isinstance(event.get("keys"), list) else list(value) if isinstance(value, dict) else []
    return {**event, "payload": value, "keys": keys}


def _decode(text: str) -> Any:
    value = loads(base64.b64decode(text, validate=True))
    return loads(value) if isinstance(value, str) else value


class _NotFollowed(urllib.request.HTTPRedirectHandler):
    """A redirect would give the token to another host."""

    def http_error_302(self, *_: Any) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _workflow(base_url: str | None, service_account: str) -> dict[str, Any]:
    environment = os.environ
    if base_url is None:
        host = environment["KUBERNETES_SERVICE_HOST"]
        host = f"[{host}]" if ":" in host else host
        base_url = f"https://{host}:{environment.get('KUBERNETES_SERVICE_PORT', '443')}"
    namespace, name = environment["ARGO_WORKFLOW_NAMESPACE"], environment["ARGO_WORKFLOW_NAME"]
    url = f"{base_url}/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows/{name}"
    context = None
    if url.startswith("https:"):
        authority = os.path.join(service_account, "ca.crt")
        context = ssl.create_default_context(cafile=authority if os.path.exists(authority) else None)
    headers = {"Accept": "application/json"}
    token = os.path.join(service_account, "token")
    if os.path.exists(token):
        with open(token, encoding="utf-8") as file:
            headers["Authorization"] = f"Bearer {file.read().strip()}"
    handlers = [_NotFollowed(), *([urllib.request.HTTPSHandler(context=context)] if context else [])]
    opener = urllib.request.build_opener(*handlers)
    problem = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(0.25 * 2**attempt)
        try:
            request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the API server's own address
            with opener.open(request, timeout=30) as response:
                found = loads(response.read())
                return found if isinstance(found, dict) else {}
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code}"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, ValueError) as error:
            problem = str(error)
    raise EventError(
        f"cannot read Workflow {namespace}/{name}: {problem}. "
        "The pod's service account needs the verb `get` on workflows.argoproj.io in that namespace"
    )
