"""Cluster: the few requests to the Kubernetes API that deploying needs.

In:   a client of the `kubernetes` package, or its configuration from the usual places.
Out:  objects as JSON values; DiagnosticError (FT701, FT702, FT704) for what the API refuses.

Not here: what to write, and whether it may be written.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError

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
    "WorkflowTemplate": (_ARGO, "workflowtemplates"),
    "CronWorkflow": (_ARGO, "cronworkflows"),
    "Sensor": (_ARGO, "sensors"),
}

_TRIES = 4


def key(item: Any) -> tuple[str, str, str]:
    """Kind, namespace and name of an object."""
    return item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]


@dataclass(frozen=True)
class Cluster:
    """The Kubernetes API over the connection pool of the `kubernetes` package's client.

    Its generated methods differ between releases and know no custom kinds; address, TLS, credentials and pool do not.
    """

    client: Any

    @classmethod
    def of(cls, client: Any = None) -> Cluster:
        """Of `client`, else of kubeconfig or the pod's own account. Raises FT701 when there is neither."""
        if client is not None:
            return cls(client)
        from kubernetes import client as kubernetes_client
        from kubernetes import config

        try:
            config.load_config()
        except config.ConfigException as error:
            raise DiagnosticError([Diagnostic("FT701", f"no Kubernetes cluster is configured: {error}")]) from error
        return cls(kubernetes_client.ApiClient())

    def get(self, kind: str, namespace: str, name: str) -> Any:
        """The object, or None."""
        return self._call("GET", kind, namespace, name, absent=True)

    def find(self, kind: str, namespace: str, selector: str) -> list[Any]:
        """Objects that carry the labels; none where the cluster does not know the kind."""
        found = self._call("GET", kind, namespace, "", query={"labelSelector": selector}, absent=True)
        # The items of a list carry no kind.
        return [{**item, "kind": kind} for item in (found or {}).get("items") or []]

    def delete(self, kind: str, namespace: str, name: str) -> bool:
        """Whether it was there."""
        return self._call("DELETE", kind, namespace, name, absent=True) is not None

    def apply(self, item: Any, force: bool, dry_run: bool = False) -> Any:
        """Server-side apply; the object as the server now has it."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return self._call("PATCH", *key(item), query=query, body=item)

    def _call(
        self,
        method: str,
        kind: str,
        namespace: str,
        name: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        absent: bool = False,
    ) -> Any:
        from urllib.parse import quote, urlencode

        from urllib3.exceptions import HTTPError

        root, plural = KINDS[kind]
        configuration = self.client.configuration
        path = f"{root}/namespaces/{quote(namespace)}/{plural}" + (f"/{quote(name)}" if name else "")
        url = configuration.host + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"  # JSON is YAML
        for entry in configuration.auth_settings().values():
            if entry["in"] == "header":
                headers[entry["key"]] = entry["value"]
        data = None if body is None else json.dumps(body).encode()
        doing = f"{method.lower()} {plural} `{namespace}/{name}`" if name else f"list {plural} in `{namespace}`"
        for attempt in range(_TRIES):
            try:
                response = self.client.rest_client.pool_manager.request(
                    method, url, body=data, headers=headers, timeout=30.0, retries=False
                )
            except HTTPError as error:
                message = f"the Kubernetes API at {configuration.host} cannot be reached: {error}"
                raise DiagnosticError([Diagnostic("FT701", message)]) from error
            if response.status not in (429, 500, 502, 503, 504) or attempt == _TRIES - 1:
                break
            time.sleep(0.2 * 2**attempt)
        if response.status == 404 and absent:
            return None
        if response.status < 400:
            return _json(response.data)
        raise DiagnosticError([_refusal(response.status, doing, _json(response.data).get("message", ""))])


def _json(data: bytes) -> Any:
    try:
        return json.loads(data or b"{}")
    except ValueError:
        return {"message": data[:500].decode("utf-8", "replace")}


def _refusal(status: int, doing: str, message: str) -> Diagnostic:
    message = " ".join(str(message).split()) or f"status {status}"
    if status == 401:
        return Diagnostic("FT701", f"the cluster does not accept the credentials: {message}")
    if status == 403:
        return Diagnostic("FT702", f"not allowed to {doing}", notes=(message,))
    helps = {
        404: ("check that the namespace exists and that Argo Workflows and Argo Events are installed",),
        409: ("another tool manages these fields; let one of the two manage the object",),
    }.get(status, ())
    return Diagnostic("FT704", f"the cluster refused to {doing}: {message}", helps=helps)
