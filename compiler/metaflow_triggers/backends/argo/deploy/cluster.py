"""Cluster: the few requests to the Kubernetes API that deploying needs.

In:   a client of the `kubernetes` package, or its configuration from the usual places.
Out:  objects as JSON values; `Superseded` where somebody else was faster; DiagnosticError (FT701, FT702, FT704) for
      what the API refuses.

Not here: what to write, and whether it may be written.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from .api_refusals import refusal, superseded

MANAGER = "metaflow-triggers"
"""The field manager of server-side apply, and the value of the label of all our objects."""

_ARGO = "/apis/argoproj.io/v1alpha1"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"

# In the order of writing: what is referred to comes first.
KINDS = {
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Role": (_RBAC, "roles"),
    "RoleBinding": (_RBAC, "rolebindings"),
    "Secret": ("/api/v1", "secrets"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "EventSource": (_ARGO, "eventsources"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "WorkflowTemplate": (_ARGO, "workflowtemplates"),
    "CronWorkflow": (_ARGO, "cronworkflows"),
    "Sensor": (_ARGO, "sensors"),
    "Deployment": ("/apis/apps/v1", "deployments"),
}

_PLACES = KINDS | {
    "Workflow": (_ARGO, "workflows"),
    "EventBus": (_ARGO, "eventbus"),
    "Pod": ("/api/v1", "pods"),
    "LocalSubjectAccessReview": ("/apis/authorization.k8s.io/v1", "localsubjectaccessreviews"),
}
"""With what is only read or asked."""

_TRIES = 5
_PAUSE = 0.2  # seconds before the second try; it doubles
_LONGEST_PAUSE = 5.0
_TRANSIENT = (429, 500, 502, 503, 504)
_WRITING = {"fieldManager": MANAGER, "fieldValidation": "Strict"}


class Superseded(Exception):
    """The object is not what it was when it was read. `problem` is what to say if it goes on like this."""

    def __init__(self, problem: Diagnostic) -> None:
        super().__init__(problem.message)
        self.problem = problem


def key(item: Any) -> tuple[str, str, str]:
    """Kind, namespace and name of an object."""
    return item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]


@dataclass(frozen=True)
class Cluster:
    """The Kubernetes API over the connection pool of the `kubernetes` package's client.

    Its generated methods differ between releases and know no custom kinds; address, TLS, credentials and pool do not.
    `timeout` is in seconds, of one request.
    """

    client: Any
    timeout: float = 30.0

    @classmethod
    def of(cls, client: Any = None) -> Cluster:
        """Of `client`, else of kubeconfig or the pod's own account. Raises FT701 when there is neither."""
        if client is not None:
            return cls(client)
        from kubernetes import client as kubernetes_client
        from kubernetes import config

        # As its `load_config`, which prints to standard output where there is no file, and takes a KUBECONFIG that
        # names several for the name of one that is missing.
        places = config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION.split(os.pathsep)
        try:
            if any(os.path.exists(os.path.expanduser(place)) for place in places if place):
                config.load_kube_config()
            else:
                config.load_incluster_config()
        except config.ConfigException as error:
            raise DiagnosticError([Diagnostic("FT701", f"no Kubernetes cluster is configured: {error}")]) from error
        return cls(kubernetes_client.ApiClient())

    def get(self, kind: str, namespace: str, name: str) -> Any:
        """The object, or None."""
        return self._call("GET", kind, namespace, name, absent=True)

    def find(self, kind: str, namespace: str, selector: str) -> list[Any]:
        """Objects that carry the labels; none where the cluster does not know the kind."""
        query = {"labelSelector": selector} if selector else None
        found = self._call("GET", kind, namespace, "", query=query, absent=True)
        # The items of a list carry neither.
        version = _PLACES[kind][0].removeprefix("/apis/").removeprefix("/api/")
        return [{**item, "kind": kind, "apiVersion": version} for item in (found or {}).get("items") or []]

    def make(self, item: Any, dry_run: bool = False) -> Any:
        """Create; the object as the server now has it. Raises Superseded where it exists."""
        return self._call("POST", *key(item), query=_query(dry_run), body=item, path_name="")

    def review(self, item: Any) -> Any:
        """Ask what a review asks, which the server answers and does not keep. Such an object has no name."""
        return self._call("POST", item["kind"], item["metadata"]["namespace"], "", body=item)

    def log(self, namespace: str, pod: str, lines: int) -> str:
        """The last lines of what a pod has printed; "" where it is gone."""
        from urllib.parse import quote

        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log?tailLines={lines}"
        status, data = self._response("GET", self.client.configuration.host + path, None, self._headers())
        if status >= 400 and status != 404:
            raise DiagnosticError([refusal(status, f"get pods/log `{namespace}/{pod}`", _json(data))])
        return "" if status == 404 else data.decode("utf-8", "replace")

    def apply(
        self, item: Any, *, force: bool, version: str | None = None, dry_run: bool = False, absent: bool = False
    ) -> Any:
        """Server-side apply; the object as the server now has it, or with `absent` None where it does not find what the
        object refers to.

        `version` is the resourceVersion that it must still have. Raises Superseded where it has another.
        """
        if version is not None:
            item = {**item, "metadata": {**item["metadata"], "resourceVersion": version}}
        query = {**_query(dry_run), "force": "true" if force else "false"}
        content = "application/apply-patch+yaml"
        return self._call("PATCH", *key(item), query=query, body=item, content=content, absent=absent)

    def replace(self, item: Any) -> Any:
        """Write the object, which must be as it was read. Raises Superseded where it is not."""
        return self._call("PUT", *key(item), query={"fieldManager": f"{MANAGER}-manage"}, body=item)

    def take(self, found: Any, managers: list[Any], dry_run: bool = False) -> Any:
        """Give the object these `managedFields`, if it is still what it was. Raises Superseded."""
        body = [
            {"op": "replace", "path": "/metadata/managedFields", "value": managers},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": found["metadata"]["resourceVersion"]},
        ]
        query = {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})  # its fields are not ours to judge
        return self._call("PATCH", *key(found), query=query, body=body, content="application/json-patch+json")

    def delete(self, kind: str, namespace: str, name: str, uid: str | None = None, dry_run: bool = False) -> bool:
        """Whether it was there. `uid` is the one that it must have. Raises Superseded where it has another."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if uid:
            body["preconditions"] = {"uid": uid}
        query = None
        if dry_run:
            body["dryRun"] = ["All"]  # of a request that has a body the server reads nothing else,
            query = {"dryRun": "All"}  # and what stands between reads this
        return self._call("DELETE", kind, namespace, name, query=query, body=body, absent=True) is not None

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of a question that is about no object of these kinds. Raises DiagnosticError (FT701)."""
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers() | ({"Content-Type": "application/json"} if data else {})
        return self._answer(method, self.client.configuration.host + path, data, headers)

    def _call(
        self,
        method: str,
        kind: str,
        namespace: str,
        name: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content: str = "application/json",
        absent: bool = False,
        path_name: str | None = None,
    ) -> Any:
        from urllib.parse import quote, urlencode

        root, plural = _PLACES[kind]
        in_path = name if path_name is None else path_name
        path = f"{root}/namespaces/{quote(namespace)}/{plural}" + (f"/{quote(in_path)}" if in_path else "")
        url = self.client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else _written(body)
        headers = self._headers() | ({"Content-Type": content} if data else {})
        verb = method.lower() if name else {"GET": "list", "POST": "create"}[method]
        doing = f"{verb} {plural} `{namespace}/{name}`" if name else f"{verb} {plural} in `{namespace}`"
        status, answer = self._answer(method, url, data, headers)
        if status == 404 and absent:
            return None
        if status < 400:
            return answer
        problem = refusal(status, doing, answer)
        if superseded(status, answer):
            raise Superseded(problem)
        raise DiagnosticError([problem])

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        for entry in self.client.configuration.auth_settings().values():
            if entry["in"] == "header":
                headers[entry["key"]] = entry["value"]
        return headers

    def _answer(self, method: str, url: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and body as JSON."""
        status, body = self._response(method, url, data, headers)
        return status, _json(body)

    def _response(self, method: str, url: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body. Every request may be repeated: an apply and a delete say what shall be, and a create that
        came through before its answer was lost is found by the plan that is made next."""
        from urllib3.exceptions import HTTPError

        for attempt in range(1, _TRIES + 1):
            wait = min(_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
            try:
                response = self.client.rest_client.pool_manager.request(
                    method, url, body=data, headers=headers, timeout=self.timeout, retries=False
                )
            except HTTPError as error:
                if attempt == _TRIES:
                    host = self.client.configuration.host
                    message = f"the Kubernetes API at {host} cannot be reached: {error}"
                    raise DiagnosticError([Diagnostic("FT701", message)]) from error
            else:
                if response.status not in _TRANSIENT or attempt == _TRIES:
                    break
                told = response.headers.get("Retry-After", "")
                wait = max(wait, min(float(told), _LONGEST_PAUSE)) if told.isdecimal() else wait
            time.sleep(wait)
        return response.status, bytes(response.data)


def _query(dry_run: bool) -> dict[str, str]:
    return {**_WRITING, "dryRun": "All"} if dry_run else dict(_WRITING)


_ESCAPES = re.compile(r"\\u(d[89ab]..)\\u(d[c-f]..)|\\.")


def _written(body: Any) -> bytes:
    """As JSON that is YAML, too, as which the server reads what is applied: YAML knows no pairs of surrogates, and the
    character U+007F only as an escape."""

    def whole(found: re.Match[str]) -> str:
        return json.loads(f'"{found[0]}"') if found[1] else found[0]

    return _ESCAPES.sub(whole, json.dumps(body)).replace("\x7f", "\\u007f").encode()


def _json(data: bytes) -> Any:
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": data[:500].decode("utf-8", "replace")}
