"""Pods: a container of a workflow, run as a process of this machine.

In:   a template whose tags are filled in, what the image and the cluster give.
Out:  how it ended, as Kubernetes and Argo tell it; the files that it left for Argo.

Not here: choosing what runs. The paths that a container knows as its own (/tmp, /mnt, its service account) are its
own: the process has a mount namespace. It has a process namespace, too, so nothing outlives it. Images and resources
are those of this machine, and so is the network, unless a `Place` says another.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .kubernetes_variables import expanded
from .workflow_text import Unknown

ROOT = Path(__file__).resolve().parents[3]
OUT = "/mnt/out"
WORK = "/tmp/container"
"""Where a container begins, in its own eyes."""
_TERMINATION_BYTES, _TERMINATION_LINES = 2048, 80  # of a log that stands in for a termination message (Kubernetes)
_UNSHARE = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
_ENDS_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


def unshare() -> list[str]:
    """The command that gives a process namespaces of its own."""
    return _UNSHARE if os.geteuid() == 0 else [*_UNSHARE, "--user", "--map-root-user"]


def why_not() -> str | None:
    """None, or why containers cannot run on this machine."""
    try:
        done = subprocess.run(
            [*unshare(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return f"containers need util-linux's unshare: {error}"
    return (
        None if done.returncode == 0 else f"containers need mount namespaces (root, or user namespaces): {done.stderr}"
    )


class Api:
    """Reads and patches objects of a Kubernetes API server, as its own parts do."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Any:
        """The object, or None."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def merge(self, path: str, patch: Any) -> None:
        headers = {"Content-Type": "application/merge-patch+json", "User-Agent": "workflow-controller/1"}
        request = urllib.request.Request(self.url + path, json.dumps(patch).encode(), headers, method="PATCH")
        urllib.request.urlopen(request, timeout=60).close()

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        found = self.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if found is None:
            return None
        return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}


@dataclass(frozen=True)
class Ended:
    """`phase`: Succeeded, Failed or Error. `outputs`: the template's output parameters."""

    phase: str
    message: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """What every pod gets: `environment` by image and cluster, `redirects` of addresses, `tokens` of accounts, and
    the certificate of who signs for the API server (`authority`: PEM text, or nothing)."""

    api: Api
    environment: Mapping[str, str]
    redirects: Mapping[str, str]
    tokens: Mapping[tuple[str, str], str]
    authority: str = ""


@dataclass(frozen=True)
class Place:
    """The network of a pod. `enter`: what stands before its command; `mounts`: lines of a shell script, by which its
    names are found."""

    address: str = "127.0.0.1"
    enter: Sequence[str] = ()
    mounts: Sequence[str] = ()


HERE = Place()
"""In that of this machine."""


def run_pod(
    template: Any,
    metadata: dict[str, Any],
    account: str,
    folder: Path,
    machine: Machine,
    stopped: Callable[[], str | None],
    place: Place = HERE,
) -> Ended:
    """Run a template's container to its end, or until `stopped` says why it has to go.

    `metadata`: of the pod. `folder`: made here; the container's `output` and its files lie in it.
    """
    container = template["container"]
    for name in ("work", "out", "tmp"):
        (folder / name).mkdir(parents=True)
    try:
        environment = _environment(container, metadata, account, folder, machine, place)
    except LookupError as error:
        return Ended("Error", f"Pod failed before main container starts due to CreateContainerConfigError: {error}")
    command = [*container.get("command", []), *container.get("args", [])]
    token = machine.tokens.get((metadata["namespace"], account))
    given = {} if token is None else {"token": token, "namespace": metadata["namespace"], "ca.crt": machine.authority}
    script = "\n".join([*place.mounts, _mounts(container, folder, given)])
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*_ENDS_WITH_US, *place.enter, *unshare(), "sh", "-ec", script + '\nexec "$@"', "sh", *command],
            cwd=folder / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    reason = _wait(process, stopped)
    if reason is not None:
        return Ended("Failed", reason)
    if process.returncode != 0:
        told = "Completed" if process.returncode < 0 else "Error"
        message = f"main: {told} (exit code {process.returncode})"
        if container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            log = (folder / "output").read_bytes()[-_TERMINATION_BYTES:]
            message += ": " + b"".join(log.splitlines(keepends=True)[-_TERMINATION_LINES:]).decode(errors="replace")
        return Ended("Failed", message)
    return _outputs(template, folder)


def _wait(process: subprocess.Popen[bytes], stopped: Callable[[], str | None]) -> str | None:
    while True:
        try:
            process.wait(0.5)
            return None
        except subprocess.TimeoutExpired:
            reason = stopped()
            if reason is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return reason


def _environment(
    container: Any, metadata: dict[str, Any], account: str, folder: Path, machine: Machine, place: Place
) -> dict[str, str]:
    """Raises LookupError for a secret that is not there."""
    result = {**machine.environment, "HOME": str(folder / "work")}
    namespace = metadata["namespace"]
    for entry in container.get("envFrom", []):
        reference = entry["secretRef"]
        found = machine.api.secret(namespace, reference["name"])
        if found is None and not reference.get("optional"):
            raise LookupError(f'secret "{reference["name"]}" not found')
        result |= found or {}
    before: dict[str, str] = {}  # the variables that a value may refer to
    for entry in container.get("env", []):
        source = entry.get("valueFrom")
        value = expanded(entry.get("value", ""), before) if source is None else None
        if source and "fieldRef" in source:
            value = _field(source["fieldRef"]["fieldPath"], metadata, account, place.address)
        elif source and "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            value = (machine.api.secret(namespace, reference["name"]) or {}).get(reference["key"])
            if value is None and not reference.get("optional"):
                raise LookupError(f'secret "{reference["name"]}" not found')
        elif source:
            raise Unknown(f"a variable from {sorted(source)}")
        if value is not None:
            result[entry["name"]] = before[entry["name"]] = value
    for name, value in result.items():
        for address, instead in machine.redirects.items():
            if value.startswith(address):
                result[name] = instead + value[len(address) :]
    return result


def _field(path: str, metadata: dict[str, Any], account: str, address: str) -> str:
    if path.startswith(("metadata.annotations['", "metadata.labels['")):
        return str(metadata[path.split(".")[1].partition("[")[0]].get(path.partition("'")[2][:-2], ""))
    known = {f"metadata.{name}": metadata[name] for name in ("name", "namespace", "uid")}
    known |= {"spec.serviceAccountName": account, "status.hostIP": "127.0.0.1", "status.podIP": address}
    if path not in known:
        raise Unknown(f"the field {path}")
    return str(known[path])


def _mounts(container: Any, folder: Path, account: Mapping[str, str]) -> str:
    """A shell script that gives the container's own paths to it. `account`: the files of its service account."""
    lines = []
    for mount in container.get("volumeMounts", []):
        if mount["mountPath"] != OUT:
            raise Unknown(f"a volume at {mount['mountPath']}")
        lines += ["mount -t tmpfs tmpfs /mnt", f"mkdir {OUT}", f"mount --bind '{folder}/out' {OUT}"]
    if account:
        place = "/var/run/secrets/kubernetes.io/serviceaccount"
        lines += ["mount -t tmpfs tmpfs /run", f"mkdir -p {place}"]
        for name, text in account.items():
            if text:
                (folder / name).write_text(text)
                lines.append(f"cp '{folder}/{name}' {place}/{name}")
    # What this machine keeps in /tmp and the container needs stays where it is.
    for kept in sorted({str(folder.parent.parent), sys.prefix, str(ROOT)}):
        if kept.startswith("/tmp/"):
            inside = f"{folder}/tmp{kept.removeprefix('/tmp')}"
            lines += [f"mkdir -p '{inside}'", f"mount --rbind '{kept}' '{inside}'"]
    # One path in all containers, so that what Python has compiled in one serves the next.
    lines += [f"mount --rbind '{folder}/tmp' /tmp", f"mkdir {WORK}", f"mount --bind '{folder}/work' {WORK}"]
    lines += [f"cd {WORK}"]
    return "\n".join(lines)


def _outputs(template: Any, folder: Path) -> Ended:
    outputs = {}
    for parameter in template.get("outputs", {}).get("parameters", []):
        source = parameter["valueFrom"]
        path = folder / "out" / Path(source["path"]).relative_to(OUT)
        if path.exists():
            outputs[parameter["name"]] = path.read_text().removesuffix("\n")
        elif "default" in source:
            outputs[parameter["name"]] = source["default"]
        else:
            return Ended("Error", f"cannot save parameter {source['path']}: no such file or directory")
    return Ended("Succeeded", "", outputs)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
