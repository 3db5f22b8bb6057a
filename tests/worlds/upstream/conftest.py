"""Runs upstream's `create --only-json` and our `compile` on the same flows, each in a process of its own."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from .compare import by_name
from .emulated_aws import Aws, clean_environment, emulated_aws
from .stack import resolved, steps

ROOT = Path(__file__).resolve().parents[3]
TRIGGERS = {"trigger", "trigger_on_finish"}


@dataclasses.dataclass(frozen=True)
class Flow:
    """`options` go before the backend's command, `create` after it (the options that `compile` shares)."""

    file: Path
    options: tuple[str, ...] = ()
    create: tuple[str, ...] = ()


HERE = Path(__file__).parent
FLOWS = {
    "workflow_shapes": Flow(ROOT / "examples/workflow_shapes/flow.py"),
    "distributed_map": Flow(
        ROOT / "examples/workflow_shapes/flow.py", create=("--use-distributed-map", "--max-workers=7")
    ),
    "parameter_mapping": Flow(
        ROOT / "examples/parameter_mapping/flow.py",
        create=("--tag=team:growth", "--workflow-timeout=3600", "--namespace=user:somebody"),
    ),
    "finish_any": Flow(ROOT / "examples/finish_any/aggregator.py"),
    "decorated": Flow(HERE / "flows", options=("--production",)),
}
OF_BACKEND = {"step-functions": "decorated_batch.py", "argo-workflows": "decorated_kubernetes.py"}
CASES = [
    (backend, name)
    for backend in OF_BACKEND
    for name, flow in FLOWS.items()
    if backend == "step-functions" or "--use-distributed-map" not in flow.create
]


def without_triggers(source: str) -> str:
    """The flow as upstream takes it: on Step Functions it refuses triggers."""
    tree = ast.parse(source)
    removed: set[int] = set()
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) in TRIGGERS:
                assert decorator.end_lineno is not None
                removed.update(range(decorator.lineno, decorator.end_lineno + 1))
    # Emptied, not deleted: every other line keeps its number.
    return "".join("\n" if n in removed else line for n, line in enumerate(source.splitlines(True), 1))


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    with emulated_aws() as server:
        yield server


@pytest.fixture(scope="session")
def documents(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`documents(name, backend)` gives (upstream's document, ours), lists of named items as objects."""
    home = tmp_path_factory.mktemp("home")
    empty = tmp_path_factory.mktemp("no_extensions")
    environment = {**clean_environment(str(home)), **aws.environment}

    def start(flow: Flow, source: str, command: list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
        folder = tmp_path_factory.mktemp("flow")
        (folder / "flow.py").write_text(source, "utf-8")
        return subprocess.Popen(
            [sys.executable, "flow.py", "--quiet", "--no-pylint", *flow.options, *command],
            cwd=folder,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(process: subprocess.Popen[str]) -> str:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, output + errors
        return output

    @cache
    def both(name: str, backend: str) -> tuple[Any, Any]:
        import yaml

        flow = FLOWS[name]
        file = flow.file if flow.file.is_file() else flow.file / OF_BACKEND[backend]
        source = file.read_text("utf-8")
        hidden = {"METAFLOW_EXTENSIONS_SEARCH_DIRS": str(empty)}
        theirs = start(flow, without_triggers(source), [backend, "create", "--only-json", *flow.create], hidden)
        our = start(flow, source, [backend, "compile", *flow.create], {})
        upstream, text = json.loads(finish(theirs)), finish(our)
        if backend == "step-functions":
            registered = {
                step: aws.registered[arn.rpartition("/")[2].partition(":")[0]] for step, arn in steps(upstream).items()
            }
            upstream = {"definition": upstream, "job_definitions": registered}
            ours = resolved(yaml.safe_load(text), given={"ProductionToken": "given-production-token"})
        else:
            (ours,) = [item for item in yaml.safe_load_all(text) if item["kind"] == "WorkflowTemplate"]
        return by_name(upstream), by_name(ours)

    return both


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_developer() -> None:
    for name in [name for name in os.environ if name.startswith(("METAFLOW_", "AWS_"))]:
        if name != "METAFLOW_TRIGGERS_CACHE":  # of the whole run, and its next test may be another folder's
            del os.environ[name]
