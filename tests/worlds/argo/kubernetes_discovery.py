"""Kubernetes discovery: what the stand-in says of itself to clients that ask first, such as kubectl.

In:   a path, the kinds that are served.
Out:  the answer, or None for a path of objects.

Not here: objects. Of the OpenAPI documents only what kubectl reads before it leaves validation to the server
(k8s.io/cli-runtime, QueryParamVerifierV3): which kinds have a PATCH that knows `fieldValidation`.
"""

from __future__ import annotations

from typing import Any

_VERBS = ["create", "delete", "get", "list", "patch", "update"]


def discovered(path: str, served: dict[str, dict[str, str]]) -> Any:
    """`served`: root of a group and version -> plural -> kind."""
    roots = {root: plurals for root, plurals in served.items() if root.startswith("/apis/")}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(root) for root in sorted(roots)]}
    if path == "/openapi/v3":
        return {"paths": {root[1:]: {"serverRelativeURL": f"/openapi/v3{root}"} for root in sorted(served)}}
    if path in served:
        resources = [
            {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": _VERBS}
            for plural, kind in sorted(served[path].items())
        ]
        version = "v1" if path == "/api/v1" else path.removeprefix("/apis/")
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
    root = path.removeprefix("/openapi/v3")
    if root != path and root in served:
        return _document(root, served[root])
    return None


def _group(root: str) -> dict[str, Any]:
    group, version = root.removeprefix("/apis/").split("/")
    one = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [one], "preferredVersion": one}


def _document(root: str, plurals: dict[str, str]) -> dict[str, Any]:
    *group, version = root.split("/")[2:] if root.startswith("/apis/") else ["", "v1"]
    paths = {}
    for plural, kind in plurals.items():
        known = {"group": group[0], "version": version, "kind": kind}
        names = ("dryRun", "fieldManager", "fieldValidation", "force")
        parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
        patch = {"parameters": parameters, "x-kubernetes-group-version-kind": known, "responses": {}}
        paths[f"{root}/namespaces/{{namespace}}/{plural}/{{name}}"] = {"patch": patch}
    info = {"title": "stand-in", "version": "1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths}
