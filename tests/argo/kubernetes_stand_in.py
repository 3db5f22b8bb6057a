"""Kubernetes stand-in: the part of the Kubernetes API that deploying uses, over real HTTP on 127.0.0.1.

In:   requests for namespaced objects of the kinds in `PLURALS`.
Out:  objects kept in memory; statuses 201, 200, 400, 401, 403, 404, 409, 422 with the reasons of the real API.

Not here: controllers, RBAC rules, admission, watches. Server-side apply follows the documentation
(https://kubernetes.io/docs/reference/using-api/server-side-apply/) with lists as one value:
a field that another manager set to something else conflicts unless forced, and a field that its
only manager no longer applies is removed.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PLURALS = {
    "/api/v1": {"serviceaccounts": "ServiceAccount", "secrets": "Secret"},
    "/apis/rbac.authorization.k8s.io/v1": {"roles": "Role", "rolebindings": "RoleBinding"},
    "/apis/networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "/apis/argoproj.io/v1alpha1": {
        "eventsources": "EventSource",
        "sensors": "Sensor",
        "workflowtemplates": "WorkflowTemplate",
        "cronworkflows": "CronWorkflow",
        "workflows": "Workflow",
    },
}
_PATH = re.compile(r"(/api/v1|/apis/[^/]+/[^/]+)/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Field path -> value; lists and empty objects are values."""
    if isinstance(value, dict) and value:
        return {key: item for name, inner in value.items() for key, item in leaves(inner, (*path, name)).items()}
    return {path: value}


def put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        target = target.setdefault(name, {})
    target[path[-1]] = copy.deepcopy(value)


def drop(target: Any, path: tuple[str, ...]) -> None:
    if len(path) == 1:
        target.pop(path[0], None)
    elif isinstance(target.get(path[0]), dict):
        drop(target[path[0]], path[1:])
        if not target[path[0]]:
            del target[path[0]]


class Store:
    """Objects by (root, namespace, plural, name), and who manages which fields."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str, str], Any] = {}
        self.managers: dict[tuple[str, str, str, str], dict[str, dict[tuple[str, ...], Any]]] = {}
        self.version = 0
        self.lock = threading.Lock()
        self.requests: list[str] = []
        self.forbidden: set[str] = set()
        self.failing = 0
        self.token: str | None = None

    def save(self, key: tuple[str, str, str, str], item: Any) -> Any:
        old = self.objects.get(key)
        item["metadata"].pop("resourceVersion", None)
        before = copy.deepcopy(old)
        if before is not None:
            before["metadata"].pop("resourceVersion", None)
        if before == item:
            return old
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = item
        return item

    def check(self, key: tuple[str, str, str, str], item: Any) -> None:
        root, namespace, plural, name = key
        metadata = item.get("metadata") or {}
        if item.get("kind") != PLURALS[root][plural] or not root.endswith("/" + item.get("apiVersion", "")):
            raise Refused(400, "the object does not match the address")
        if metadata.get("namespace", namespace) != namespace or metadata.get("name", name) != name:
            raise Refused(400, "name or namespace does not match the address")
        if not _NAME.fullmatch(name):
            raise Refused(422, f"metadata.name: Invalid value: {name!r}")
        for value in (metadata.get("labels") or {}).values():
            if not re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?", value):
                raise Refused(422, f"metadata.labels: Invalid value: {value!r}")

    def create(self, key: tuple[str, str, str, str], item: Any) -> Any:
        self.check(key, item)
        if key in self.objects:
            raise Refused(409, f"{key[2]} {key[3]!r} already exists")
        item["metadata"]["namespace"] = key[1]
        self.managers[key] = {"create": leaves(item)}
        return self.save(key, item)

    def apply(self, key: tuple[str, str, str, str], item: Any, manager: str, force: bool, dry: bool) -> Any:
        self.check(key, item)
        fields = leaves(item)
        managers = self.managers.get(key, {})
        for other, owned in managers.items():
            clashes = [path for path in fields if path in owned and other != manager and owned[path] != fields[path]]
            if clashes and not force:
                raise Refused(409, f"Apply failed with conflicts with {other!r}: {'.'.join(clashes[0])}")
        result = copy.deepcopy(self.objects.get(key)) or {"metadata": {}}
        for path in managers.get(manager, {}):
            if path not in fields and not any(path in owned for other, owned in managers.items() if other != manager):
                drop(result, path)
        for path, value in fields.items():
            put(result, path, value)
        if dry:
            return result
        managers = {
            other: {path: value for path, value in owned.items() if path not in fields or fields[path] == value}
            for other, owned in managers.items()
        }
        self.managers[key] = {**managers, manager: fields}
        return self.save(key, result)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet: else each answer waits for a delayed acknowledgement
    store: Store

    def log_message(self, *_: Any) -> None:
        return None

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        with self.store.lock:
            try:
                status, value = self.handle_request(body)
            except Refused as refused:
                status = refused.status
                value = {
                    "kind": "Status",
                    "status": "Failure",
                    "message": str(refused),
                    "reason": _REASONS.get(status, "InternalError"),
                    "code": status,
                }
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def handle_request(self, body: bytes) -> tuple[int, Any]:
        store = self.store
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        store.requests.append(f"{self.command} {self.path}")
        if store.failing:
            store.failing -= 1
            raise Refused(503, "the server is currently unable to handle the request")
        if store.token is not None and self.headers.get("Authorization") != f"Bearer {store.token}":
            raise Refused(401, "Unauthorized")
        match = _PATH.fullmatch(unquote(url.path))
        if match is None or match[3] not in PLURALS.get(match[1], {}):
            raise Refused(404, "the server could not find the requested resource")
        root, namespace, plural, name = match[1], match[2], match[3], match[4]
        if f"{self.command} {plural}" in store.forbidden:
            raise Refused(403, f'{plural}.argoproj.io is forbidden: User "deployer" cannot do that')
        if name is None:
            if self.command == "POST":
                item = json.loads(body)
                return 201, store.create((root, namespace, plural, item["metadata"]["name"]), item)
            wanted = [part.split("=", 1) for part in query.get("labelSelector", "").split(",") if part]
            found = [
                {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
                for place, item in sorted(store.objects.items())
                if place[:3] == (root, namespace, plural)
                and all((item["metadata"].get("labels") or {}).get(key) == value for key, value in wanted)
            ]
            return 200, {"kind": PLURALS[root][plural] + "List", "items": found}
        key = (root, namespace, plural, name)
        if self.command == "PATCH":
            return self.patch(key, query, body)
        if key not in store.objects:
            raise Refused(404, f"{plural} {name!r} not found")
        if self.command == "DELETE":
            store.managers.pop(key, None)
            store.objects.pop(key)
            return 200, {"kind": "Status", "status": "Success"}
        return 200, store.objects[key]

    def patch(self, key: tuple[str, str, str, str], query: dict[str, str], body: bytes) -> tuple[int, Any]:
        if self.headers.get("Content-Type") != "application/apply-patch+yaml":
            raise Refused(400, "only server-side apply is known here")
        if not query.get("fieldManager"):
            raise Refused(400, "fieldManager is required for apply patch")
        known = key in self.store.objects
        value = self.store.apply(
            key, json.loads(body), query["fieldManager"], query.get("force") == "true", query.get("dryRun") == "All"
        )
        return (200 if known else 201), value


class KubernetesStandIn:
    """`with KubernetesStandIn() as server:` `server.url`, `server.store`."""

    def __init__(self) -> None:
        self.store = Store()
        handler = type("BoundHandler", (Handler,), {"store": self.store})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

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
