"""Answers: what a refusal of the Kubernetes API means, as one diagnostic.

In:   the status and the `Status` object of an answer (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
Out:  `Diagnostic`; whether the refusal says that somebody else was faster.

Not here: requests.
"""

from __future__ import annotations

import re
from typing import Any

from ....diagnostics import Diagnostic

_SHOWN = 5  # fields that are named
_ADMISSION = {
    "webhook": r'admission webhook "([^"]*)" denied the request:? ?(.*)',
    "policy": r"ValidatingAdmissionPolicy '([^']*)' with binding '[^']*' denied request:? ?(.*)",
}
"""Who names itself where it refuses, whatever status it has chosen; then why."""


def superseded(status: int, answer: Any) -> bool:
    """Whether the object is not what it was when it was read: a new plan is needed, nothing is wrong."""
    if status != 409 or answer.get("reason") == "Forbidden":
        return False
    return not _conflicts(answer)


def refusal(status: int, doing: str, answer: Any) -> Diagnostic:
    """Of a request that is described by `doing`: verb, kind and place."""
    message = " ".join(str(answer.get("message", "")).split()) or f"status {status}"
    if status == 401:
        return Diagnostic("FT701", f"the cluster does not accept the credentials: {message}")
    if status == 403 and "exceeded quota" in message:
        help_ = "free some of the quota, or have it raised; then repeat the command, which goes on from here"
        return Diagnostic("FT704", f"a quota of the cluster refused to {doing}: {message}", helps=(help_,))
    if status == 403 and "status unknown for quota" in message:
        help_ = "repeat the command when the cluster has counted what the quota is for, which takes it some seconds"
        return Diagnostic("FT704", f"a new quota of the cluster refused to {doing}: {message}", helps=(help_,))
    for what, pattern in _ADMISSION.items():
        found = re.search(pattern, message)
        if found:
            why = f"the admission {what} `{found[1]}` refused to {doing}: {found[2] or message}"
            return Diagnostic("FT704", why, helps=("change what it asks for, then repeat the command",))
    if status == 403 and "because it is being terminated" in message:
        help_ = "wait until the namespace is gone, and have it made anew; then repeat the command"
        return Diagnostic("FT704", f"the cluster refused to {doing}: {message}", helps=(help_,))
    if status == 403:
        return Diagnostic("FT702", f"not allowed to {doing}", notes=(message,))
    conflicts = _conflicts(answer)
    if conflicts:
        return _conflict(doing, conflicts)
    helps: tuple[str, ...] = ()
    if status == 404:
        helps = ("check that the namespace exists, and that Argo Workflows and Argo Events are installed",)
    elif status == 409:
        helps = ("repeat the command when nobody else changes the object",)
    elif re.search(r"unknown field|strict decoding", message):
        helps = ("the cluster's definitions of Argo's objects are older than these objects: install newer CRDs",)
    return Diagnostic("FT704", f"the cluster refused to {doing}: {message}", helps=helps)


def _conflict(doing: str, conflicts: dict[str, list[str]]) -> Diagnostic:
    managers = " and ".join(f"`{name}`" for name in conflicts)
    notes = tuple(
        f"`{name}` manages {', '.join(fields[:_SHOWN])}"
        + (f" and {len(fields) - _SHOWN} more fields" if len(fields) > _SHOWN else "")
        for name, fields in conflicts.items()
    )
    message = f"the cluster refused to {doing}: {managers} set other values of its fields"
    helps = (f"let only one of `metaflow-triggers` and {managers} manage them",)
    return Diagnostic("FT704", message, notes=notes, helps=helps)


def _conflicts(answer: Any) -> dict[str, list[str]]:
    """Field manager -> fields, of an apply that met values that others had set."""
    found: dict[str, list[str]] = {}
    for cause in (answer.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "FieldManagerConflict":
            name = re.match(r'conflict with "([^"]*)"', cause.get("message", ""))
            found.setdefault(name[1] if name else "another manager", []).append(str(cause.get("field", "")))
    return found
