"""Kubernetes stand-in: the part of the Kubernetes API that deploying and starting runs use, over HTTP on 127.0.0.1.

In:   requests for namespaced objects of the kinds in `PLURALS`.
Out:  objects kept in memory; statuses 201, 200, 400, 401, 403, 404, 409, 422 with the reasons of the real API.

Not here: controllers, watches, admission (a fault can play it). Strict on what it stores: closed schemas when asked
for strict field validation, names, labels, resourceVersion, preconditions. Who manages a field is said in
`managed_fields`, what an account may do in `kubernetes_rules`.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .kubernetes_access import Access, answered
from .kubernetes_discovery import discovered
from .kubernetes_rules import VERBS, allowed, bad_metadata, mistakes, reviewed, selected
from .managed_fields import Conflicts, applied, updated

PLURALS = {
    "/api/v1": {"serviceaccounts": "ServiceAccount", "secrets": "Secret", "configmaps": "ConfigMap", "pods": "Pod"},
    "/apis/rbac.authorization.k8s.io/v1": {"roles": "Role", "rolebindings": "RoleBinding"},
    "/apis/apps/v1": {"deployments": "Deployment"},
    "/apis/coordination.k8s.io/v1": {"leases": "Lease"},
    "/apis/networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "/apis/argoproj.io/v1alpha1": {
        "eventsources": "EventSource",
        "sensors": "Sensor",
        "workflowtemplates": "WorkflowTemplate",
        "cronworkflows": "CronWorkflow",
        "workflows": "Workflow",
        "workflowtaskresults": "WorkflowTaskResult",
        "eventbus": "EventBus",
    },
    "/apis/authorization.k8s.io/v1": {"localsubjectaccessreviews": "LocalSubjectAccessReview"},
}
_NO_YAML = re.compile(rb"(?<!\\)(\\\\)*\\u[dD][89abcdefABCDEF]|\x7f")
_WITH_SPEC = ("eventsources", "sensors", "workflowtemplates", "cronworkflows", "workflows", "eventbus")
_PATH = re.compile(r"(/api/v1|/apis/[^/]+/[^/]+)/namespaces/([^/]+)/([^/]+)(?:/([^/]+)(/log)?)?")
_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}

Key = tuple[str, str, str, str]
"""(root, namespace, plural, name)."""


class Refused(Exception):
    def __init__(self, status: int, message: str, reason: str = "", causes: Any = ()) -> None:
        super().__init__(message)
        self.status, self.causes = status, list(causes)
        self.reason = reason or _REASONS.get(status, "InternalError")


@dataclass
class Fault:
    """What happens to the next `times` requests of a method ("" any) and plural ("" any).

    `status` 0 closes the connection without an answer; `after` the request has had its effect.
    """

    method: str
    plural: str
    status: int
    message: str = "injected"
    times: int = 1
    after: bool = False


@dataclass
class Store:
    """Objects, and how requests are to fail."""

    objects: MutableMapping[Key, Any] = field(default_factory=dict)
    version: int = 0
    lock: Any = field(default_factory=threading.RLock)
    requests: list[str] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    failing: int = 0
    refuse: Callable[[int], int] | None = None
    """The status with which the request of this number in `requests` is refused; 0: it is not."""
    token: str | None = None
    accounts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Bearer token -> (namespace, ServiceAccount); whoever has another token, or none, may do everything."""
    access: Access = field(default_factory=Access)
    watch: Callable[[str, str, str], None] | None = None
    """Called with "before" or "after", method and path of each request that writes."""

    @property
    def writes(self) -> list[str]:
        """Requests that may have changed something."""
        return [line for line in self.requests if not line.startswith("GET ") and "dryRun=All" not in line]

    def save(self, key: Key, item: Any) -> Any:
        if key[2] in _WITH_SPEC and "spec" not in item:
            raise Refused(422, f'{item["kind"]}.argoproj.io "{key[3]}" is invalid: spec: Required value')
        old = self.objects.get(key)
        if old is not None and _content(old) == _content(item):
            return old
        self.version += 1
        metadata = item["metadata"]
        metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{self.version}"
        metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
        metadata["resourceVersion"] = str(self.version)
        self.objects[key] = item
        return item

    def check(self, key: Key, item: Any, strict: bool = False) -> None:
        root, namespace, plural, name = key
        metadata = item.get("metadata") or {}
        if item.get("kind") != PLURALS[root][plural] or not root.endswith("/" + item.get("apiVersion", "")):
            raise Refused(400, "the object does not match the address")
        if metadata.get("namespace", namespace) != namespace or metadata.get("name", name) != name:
            raise Refused(400, "name or namespace does not match the address")
        bad = bad_metadata(name, metadata)
        if bad:
            raise Refused(422, bad)
        found = mistakes(item) if strict else []
        if found:
            unknown = any("Additional properties" in text or "unknown field" in text for text in found)
            raise Refused(400 if unknown else 422, "strict decoding error: " * unknown + "; ".join(found))

    def create(self, key: Key, item: Any, manager: str = "create", dry: bool = False, strict: bool = False) -> Any:
        self.check(key, item, strict)
        if key in self.objects:
            raise Refused(409, f"{key[2]} {key[3]!r} already exists", "AlreadyExists")
        item = copy.deepcopy(item)
        item["metadata"] |= {"namespace": key[1], "name": key[3]}
        made = updated(None, item, manager)
        return made if dry else self.save(key, made)

    def stored_before(self, key: Key, item: Any, manager: str) -> None:
        """Of an object that today's definitions refuse, and that a cluster has kept from earlier ones."""
        self.create(key, item, manager)

    def apply(self, key: Key, item: Any, manager: str, force: bool, dry: bool, strict: bool = False) -> Any:
        item = copy.deepcopy(item)
        item.setdefault("metadata", {}).update(name=key[3], namespace=key[1])
        version = item["metadata"].pop("resourceVersion", None)
        self.check(key, item, strict)
        before = self.objects.get(key)
        self._is_version(key, before, version)
        if key[2] == "rolebindings" and not self.access.cluster_admin:
            self._sees_role(key, item)
        try:
            result = applied(before, item, manager, force)
        except Conflicts as conflicts:
            raise _conflict(conflicts) from conflicts
        return result if dry else self.save(key, result)

    def _sees_role(self, key: Key, item: Any) -> None:
        """Whether it grants more than somebody has is asked of the Role (registry/rbac/rolebinding/policybased); that
        there is none is told as if it were the binding."""
        if (key[0], key[1], "roles", item["roleRef"]["name"]) not in self.objects:
            raise Refused(404, f'rolebindings.rbac.authorization.k8s.io "{key[3]}" not found')

    def write(self, key: Key, item: Any, manager: str, dry: bool, strict: bool = False) -> Any:
        """Replace; a resourceVersion in it must be the current one."""
        self.check(key, item, strict)
        before = self.objects[key]
        self._is_version(key, before, item["metadata"].get("resourceVersion"))
        told = item["metadata"].get("managedFields")
        moved = told is not None and told != before["metadata"].get("managedFields")
        result = copy.deepcopy(item) if moved else updated(before, item, manager)
        result["metadata"]["namespace"] = key[1]
        return result if dry else self.save(key, result)

    def _is_version(self, key: Key, before: Any, version: str | None) -> None:
        if (
            version is not None
            and (before or {"metadata": {"resourceVersion": None}})["metadata"]["resourceVersion"] != version
        ):
            message = f'Operation cannot be fulfilled on {key[2]} "{key[3]}": the object has been modified; please '
            raise Refused(409, message + "apply your changes to the latest version and try again")


def _content(item: Any) -> Any:
    own = ("resourceVersion", "uid", "creationTimestamp")
    return {**item, "metadata": {name: value for name, value in item["metadata"].items() if name not in own}}


def _conflict(conflicts: Conflicts) -> Refused:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{manager}"' + (" using argoproj.io/v1alpha1" if operation == "Update" else ""),
            "field": "." + ".".join(path),
        }
        for manager, operation, path in conflicts.found
    ]
    text = f"Apply failed with {len(causes)} conflicts: {causes[0]['message']}: {causes[0]['field']}"
    return Refused(409, text, causes=causes)


def _merged(value: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), inner)
    return result


def _patched(item: Any, operations: Any) -> Any:
    """A JSON patch of replacements (RFC 6902)."""
    result = copy.deepcopy(item)
    for operation in operations:
        names = operation["path"].split("/")[1:]
        target = result
        for name in names[:-1]:
            target = target[name]
        if operation["op"] != "replace" or names[-1] not in target:
            raise Refused(422, "the patch does not fit the object")
        target[names[-1]] = operation["value"]
    return result


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet: else each answer waits for a delayed acknowledgement
    store: Store
    content = "application/json"
    """The type of the answer."""

    def log_message(self, *_: Any) -> None:
        return None

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        store = self.store
        writes = self.command != "GET"
        if writes and store.watch:
            store.watch("before", self.command, self.path)
        try:
            status, value = self.answer_of(body)
        except Refused as refused:
            status = refused.status
            value = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": str(refused),
                "reason": refused.reason,
                "details": {"causes": refused.causes},
                "code": status,
            }
        if writes and store.watch:
            store.watch("after", self.command, self.path)
        if status == 0:
            self.close_connection = True
            return
        data = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", self.content)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def answer_of(self, body: bytes) -> tuple[int, Any]:
        """One request after the other."""
        with self.store.lock:
            fault = self.noted()
            status, value = self.handle_request(body)
            if fault:
                raise Refused(fault.status, fault.message)
        return status, value

    def noted(self) -> Fault | None:
        """Write down the request; a fault that comes after it took effect. Raises the one that comes before."""
        self.store.requests.append(f"{self.command} {self.path}")
        fault = self.fault()
        if fault and not fault.after:
            raise Refused(fault.status, fault.message)
        return fault

    def fault(self) -> Fault | None:
        path = urlsplit(self.path).path
        for fault in self.store.faults:
            if fault.times and fault.method in ("", self.command) and f"/{fault.plural}" in path:
                fault.times -= 1
                return fault
        status = self.store.refuse(len(self.store.requests)) if self.store.refuse else 0
        if status:
            return Fault("", "", status, "not allowed, or not any more")
        if self.store.failing:
            self.store.failing -= 1
            return Fault("", "", 503, "the server is currently unable to handle the request")
        return None

    def handle_request(self, body: bytes) -> tuple[int, Any]:
        store = self.store
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if store.token is not None and bearer != store.token:
            raise Refused(401, "Unauthorized")
        itself = answered(self.command, unquote(url.path), body, store, PLURALS, bearer)
        if itself is not None:
            return itself
        told = discovered(url.path, PLURALS) if self.command == "GET" else None
        if told is not None:
            return 200, told
        match = _PATH.fullmatch(unquote(url.path))
        if match is None or match[3] not in PLURALS.get(match[1], {}):
            raise Refused(404, "the server could not find the requested resource")
        root, namespace, plural, name, log = match[1], match[2], match[3], match[4], match[5] or ""
        if f"{self.command} {plural}" in store.forbidden:
            raise Refused(403, f'{plural}.argoproj.io is forbidden: User "deployer" cannot do that')
        verb = "list" if self.command == "GET" and name is None else VERBS[self.command]
        self.authorize(store.accounts.get(bearer), verb, root, plural + log, namespace, name or "")
        strict, dry = query.get("fieldValidation") == "Strict", query.get("dryRun") == "All"
        manager = query.get("fieldManager") or (self.headers.get("User-Agent") or "unknown").split("/")[0]
        if name is None and self.command == "GET":
            return 200, {"kind": PLURALS[root][plural] + "List", "metadata": {}, "items": self.listed(match, query)}
        if plural == "localsubjectaccessreviews":
            return 201, reviewed(store.objects, namespace, json.loads(body))
        if name is None:
            item = json.loads(body)
            metadata = item["metadata"]
            if "name" not in metadata:
                metadata["name"] = f"{metadata['generateName']}{store.version:05}"
            return 201, store.create((root, namespace, plural, metadata["name"]), item, manager, dry, strict)
        key = (root, namespace, plural, name)
        if self.command == "PATCH":
            return self.patch(key, query, body, manager, dry, strict)
        if key not in store.objects:
            raise Refused(404, f"{plural} {name!r} not found")
        if self.command == "DELETE":
            if body:  # what the address says besides is not read (apiserver/pkg/endpoints/handlers/delete.go)
                dry = "All" in (json.loads(body).get("dryRun") or [])
            uid = (json.loads(body or b"{}").get("preconditions") or {}).get("uid")
            if uid and uid != store.objects[key]["metadata"]["uid"]:
                raise Refused(409, f"the UID in the precondition ({uid}) does not match the UID in record")
            if not dry:
                store.objects.pop(key)
            return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        if self.command == "PUT":
            return 200, store.write(key, json.loads(body), manager, dry, strict)
        return 200, store.objects[key]["log"] if log else store.objects[key]

    def listed(self, match: Any, query: dict[str, str]) -> list[Any]:
        return [
            {name: value for name, value in item.items() if name not in ("kind", "apiVersion")}
            for place, item in sorted(self.store.objects.items())
            if place[:3] == (match[1], match[2], match[3])
            and selected(item["metadata"].get("labels") or {}, query.get("labelSelector", ""))
        ]

    def authorize(self, account: Any, verb: str, root: str, plural: str, namespace: str, name: str) -> None:
        group = root.split("/")[2] if root.startswith("/apis/") else ""
        if account is None or allowed(self.store.objects, account, verb, group, plural, namespace, name):
            return
        who = f"system:serviceaccount:{account[0]}:{account[1]}"
        what = f'cannot {verb} resource "{plural}" in API group "{group}" in the namespace "{namespace}"'
        raise Refused(403, f'{plural}.{group} "{name}" is forbidden: User "{who}" {what}')

    def patch(
        self, key: Key, query: dict[str, str], body: bytes, manager: str, dry: bool, strict: bool
    ) -> tuple[int, Any]:
        store, known = self.store, key in self.store.objects
        content = self.headers.get("Content-Type")
        if content == "application/apply-patch+yaml":
            if _NO_YAML.search(body):  # JSON allows both
                raise Refused(400, "error decoding YAML: found invalid Unicode character escape code, or a control one")
            if not query.get("fieldManager"):
                raise Refused(400, "fieldManager is required for apply patch")
            value = store.apply(key, json.loads(body), manager, query.get("force") == "true", dry, strict)
            return (200 if known else 201), value
        if not known:
            raise Refused(404, f"{key[2]} {key[3]!r} not found")
        if content == "application/json-patch+json":
            patch = json.loads(body)
            # What clients of the `kubernetes` package call a JSON patch may be an object: they mean a merge patch.
            merge = isinstance(patch, dict)
            item = _merged(store.objects[key], patch) if merge else _patched(store.objects[key], patch)
        elif content == "application/merge-patch+json":
            item = _merged(store.objects[key], json.loads(body))
        else:
            raise Refused(415, f"the body of the request was in an unknown format: {content}")
        return 200, store.write(key, item, manager, dry, strict)


class KubernetesStandIn:
    """`with KubernetesStandIn() as server:` `server.url`, `server.store`."""

    def __init__(self, store: Store | None = None, answers: type[Handler] = Handler) -> None:
        self.store = store or Store()
        handler = type("BoundHandler", (answers,), {"store": self.store})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def kubeconfig(self, folder: Path) -> dict[str, str]:
        """Write a file that leads here; the variable by which it is found."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "users": [{"name": "test", "user": {}}],
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        return {"KUBECONFIG": str(file)}

    def __enter__(self) -> KubernetesStandIn:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def objects(self, plural: str) -> dict[str, Any]:
        """`namespace/name` -> object."""
        return {f"{key[1]}/{key[3]}": item for key, item in self.store.objects.items() if key[2] == plural}
