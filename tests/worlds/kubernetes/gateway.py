"""Gateway: the real API server behind what tests see of the stand-in, so that one suite is run against both.

In:   the control plane of this process.
Out:  `RealKubernetes`, used as `KubernetesStandIn` is: requests are noted, faults of the network are played in front of
      the server, `store.objects` are the server's own.

Not here: any answer. Who comes with a token of `store.accounts` is that ServiceAccount to the server, and what
`store.forbidden` names is taken from a user of the server's by RBAC. It begins and ends with no objects in the
namespaces of the tests, so what it is compared with is to be had before.
"""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Iterator, MutableMapping
from typing import Any
from urllib.parse import quote, urlencode

from ..argo.kubernetes_stand_in import PLURALS, Handler, Key, KubernetesStandIn, Refused, Store
from ..argo.managed_fields import updated
from .control_plane import NAMESPACES, ControlPlane, shared

_MADE = {root: [name for name in plurals if not name.endswith("reviews")] for root, plurals in PLURALS.items()}
"""What is kept, not only answered."""

_VERBS = {"GET": {"get", "list", "watch"}, "POST": {"create"}, "PATCH": {"patch"}, "PUT": {"update"}}
_VERBS["DELETE"] = {"delete", "deletecollection"}
_USER = "deployer"


def _path(key: Key, named: bool = True) -> str:
    root, namespace, plural, name = key
    return f"{root}/namespaces/{quote(namespace)}/{plural}" + (f"/{quote(name)}" if named else "")


class Objects(MutableMapping[Key, Any]):
    """What the server has in the namespaces of the tests. A value is a copy: it is changed by being set."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def whole(self) -> dict[Key, Any]:
        found: dict[Key, Any] = {}
        for root, plurals in _MADE.items():
            for plural in plurals:
                for item in self._plane.ask("GET", f"{root}/{plural}")["items"]:
                    key = (root, item["metadata"]["namespace"], plural, item["metadata"]["name"])
                    if key[1] in NAMESPACES:
                        version = root.removeprefix("/apis/").removeprefix("/api/")
                        found[key] = {"apiVersion": version, "kind": PLURALS[root][plural], **item}
        return dict(sorted(found.items()))

    def __getitem__(self, key: Key) -> Any:
        found = self._plane.ask("GET", _path(key), or_none=True)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: Key, item: Any) -> None:
        metadata = {name: value for name, value in item["metadata"].items() if name not in ("uid", "resourceVersion")}
        item = {"apiVersion": key[0].split("/", 2)[2], "kind": PLURALS[key[0]][key[2]], **item, "metadata": metadata}
        if self._plane.ask("GET", _path(key), or_none=True) is None:
            self._plane.ask("POST", f"{_path(key, named=False)}?fieldManager=somebody", item)
        else:
            self._plane.ask("PUT", f"{_path(key)}?fieldManager=somebody", item)

    def __delitem__(self, key: Key) -> None:
        if self._plane.ask("DELETE", _path(key), or_none=True) is None:
            raise KeyError(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())

    def items(self) -> Any:
        return self.whole().items()

    def values(self) -> Any:
        return self.whole().values()

    def __eq__(self, other: object) -> bool:
        return self.whole() == (other.whole() if isinstance(other, Objects) else other)

    def __repr__(self) -> str:
        return repr(self.whole())

    __hash__ = None  # type: ignore[assignment]


class RealStore(Store):
    """The stand-in's faults and notes, the server's objects."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__(objects=Objects(plane))
        self.plane = plane
        self._taken: frozenset[str] | None = None

    def save(self, key: Key, item: Any) -> Any:
        return self._request("POST", _path(key, named=False), item, "create")

    def create(self, key: Key, item: Any, manager: str = "create", dry: bool = False, strict: bool = False) -> Any:
        item = {**item, "metadata": {**item["metadata"], "namespace": key[1], "name": key[3]}}
        return self._request("POST", _path(key, named=False), item, manager, dry, strict)

    def stored_before(self, key: Key, item: Any, manager: str) -> None:
        _, namespace, plural, name = key
        metadata = {**item["metadata"], "namespace": namespace, "name": name, "uid": str(uuid.uuid4()), "generation": 1}
        metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
        made = updated(None, {**item, "metadata": metadata}, manager)
        self.plane.put(f"/registry/argoproj.io/{plural}/{namespace}/{name}", made)

    def apply(self, key: Key, item: Any, manager: str, force: bool, dry: bool, strict: bool = False) -> Any:
        content = "application/apply-patch+yaml"
        more = {"force": "true" if force else "false"}
        return self._request("PATCH", _path(key), item, manager, dry, strict, content, **more)

    def write(self, key: Key, item: Any, manager: str, dry: bool, strict: bool = False) -> Any:
        return self._request("PUT", _path(key), item, manager, dry, strict)

    def _request(
        self,
        method: str,
        path: str,
        item: Any,
        manager: str,
        dry: bool = False,
        strict: bool = False,
        content: str = "application/json",
        **query: str,
    ) -> Any:
        query |= {"fieldManager": manager} | ({"dryRun": "All"} if dry else {})
        query |= {"fieldValidation": "Strict"} if strict else {}
        status, answer = self.plane.request(method, f"{path}?{urlencode(query)}", item, content)
        if status >= 400:
            raise Refused(status, answer.get("message", ""), answer.get("reason", ""))
        return answer

    def as_restricted(self) -> bool:
        """Whether requests come from the user whom `forbidden` restricts; the server then knows what is forbidden."""
        wanted = frozenset(self.forbidden)
        restricted = bool(wanted) or not self.access.cluster_admin
        if restricted and wanted != self._taken:
            _restrict(self.plane, wanted)
            self._taken = wanted
        return restricted


def _restrict(plane: ControlPlane, forbidden: frozenset[str]) -> None:
    """Let the user do everything with what the tests use but this."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    verbs = {verb for several in _VERBS.values() for verb in several}
    rules, asked = [], []
    for root, plurals in PLURALS.items():
        group = root.split("/")[2] if root.startswith("/apis/") else ""
        for plural in plurals:
            less = {verb for one in forbidden if one.split()[1] == plural for verb in _VERBS[one.split()[0]]}
            if verbs - less:
                rules.append({"apiGroups": [group], "resources": [plural], "verbs": sorted(verbs - less)})
            resource = {"group": group, "resource": plural, "namespace": "flows"}
            asked += [({**resource, "verb": verb}, verb not in less) for verb in sorted(verbs)]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": _USER}}
    if plane.ask("GET", f"{rbac}/clusterroles/{_USER}", or_none=True) is None:
        plane.ask("POST", f"{rbac}/clusterroles", {**role, "rules": rules})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _USER}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": _USER}
        binding = {**role, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
        plane.ask("POST", f"{rbac}/clusterrolebindings", binding)
    else:
        plane.ask("PUT", f"{rbac}/clusterroles/{_USER}", {**role, "rules": rules})
    until = time.monotonic() + 20
    for attributes, may in asked:
        while True:
            review = {"spec": {"user": _USER, "groups": ["system:authenticated"], "resourceAttributes": attributes}}
            review |= {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
            said = plane.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
            if said["status"]["allowed"] == may:
                break
            assert time.monotonic() < until, (attributes, may)
            time.sleep(0.01)


class ForwardingHandler(Handler):
    store: RealStore
    _upstream: http.client.HTTPSConnection | None = None

    def answer_of(self, body: bytes) -> tuple[int, Any]:
        """Side by side, as the server answers them."""
        with self.store.lock:
            fault = self.noted()
            restricted = self.store.as_restricted()
        status, value = self.forwarded(body, restricted)
        if fault:
            raise Refused(fault.status, fault.message)
        return status, value

    def forwarded(self, body: bytes, restricted: bool) -> tuple[int, bytes]:
        store = self.store
        headers = {
            name: self.headers[name] for name in ("Accept", "Content-Type", "User-Agent") if name in self.headers
        }
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        stranger = store.token is not None and bearer != store.token
        headers["Authorization"] = f"Bearer {bearer if stranger else store.plane.token}"
        account = store.accounts.get(bearer)
        if account:
            headers["Impersonate-User"] = f"system:serviceaccount:{account[0]}:{account[1]}"
        elif restricted:
            headers["Impersonate-User"] = _USER
        if self._upstream is None:
            self._upstream = store.plane.connection()
        try:
            self._upstream.request(self.command, self.path, body or None, headers)
            response = self._upstream.getresponse()
        except (http.client.HTTPException, OSError):  # closed while it was idle
            self._upstream.close()
            self._upstream.request(self.command, self.path, body or None, headers)
            response = self._upstream.getresponse()
        self.content = response.headers.get("Content-Type") or "application/json"
        return response.status, response.read()

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        super().finish()


_open: list[RealKubernetes] = []


class RealKubernetes(KubernetesStandIn):
    """`with RealKubernetes() as server:` Raises NotBuilt."""

    def __init__(self) -> None:
        self.plane = shared()
        super().__init__(RealStore(self.plane), ForwardingHandler)

    def __enter__(self) -> RealKubernetes:
        if _open:
            assert not self.store.objects, "there is one real cluster, and another one of the tests has objects in it"
        else:
            self._wipe()
        _open.append(self)
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._wipe()
        _open.pop()

    def _wipe(self) -> None:
        prefixes = []
        for root, plurals in _MADE.items():
            group = "argoproj.io/" if "argoproj" in root else ""
            prefixes += [f"/registry/{group}{plural}/{namespace}/" for plural in plurals for namespace in NAMESPACES]
        self.plane.wipe(prefixes)
