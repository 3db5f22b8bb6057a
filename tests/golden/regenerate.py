"""Write golden/ anew: what every example compiles to, on both backends.

The settings below are pinned, so that the files depend on the examples, on Metaflow and on us alone.
Trigger objects stand apart from the step-by-step workflow that upstream's compilers make: on Argo they are files of
their own, on AWS `triggers/` holds the template without the workflow. What all examples share on Argo stands once,
in `golden/_shared`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

SETTINGS = {
    "METAFLOW_USER": "golden",
    "METAFLOW_DEFAULT_CONTAINER_IMAGE": "python:3.12",
    "PYTHONDONTWRITEBYTECODE": "1",
}
EXTERNAL = {
    "finish_failure": ["--external-flow", "MainPipeline"],
    "finish_success": ["--external-flow", "FlowA"],
}
LOCAL = {"local_pipeline"}
"""Polls, which no cloud runs yet."""
POLICIES = {"multiple_events": "flow.py", "parameter_mapping": "flow.py", "workflow_shapes": "flow.py"}
"""Flows whose IAM roles stand in `policies.yaml`: a whole set with a correlator, a single event, a foreach."""
OPTIONS = {"namespaced_event": ["--production"], "project_events": ["--production"]}


def examples() -> list[str]:
    """Names of the examples that compile, sorted."""
    found = {path.parent.relative_to(EXAMPLES).parts[0] for path in EXAMPLES.rglob("*.py") if path.parent != EXAMPLES}
    return sorted(found - LOCAL)


def environment() -> dict[str, str]:
    """The pinned settings and nothing of the caller's."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "SYSTEMROOT") if key in os.environ}
    return {**kept, **SETTINGS}


def compile_example(name: str, output: Path) -> None:
    """Compile one example into `output`, the shared files into `output/_shared`. RuntimeError with the diagnostics."""
    _compile(name, output, [])
    if (output / "step-functions").exists():
        _compile(name, output / "triggers", ["--show", "triggers", "--backend", "step-functions"])
    (output / "argo-workflows" / "_shared").rename(output / "_shared")
    if name in POLICIES:
        command = [sys.executable, f"examples/{name}/{POLICIES[name]}", "--no-pylint", "step-functions", "compile"]
        _run(name, [*command, "--show", "policies", "--no-code-package", "--output", str(output / "policies.yaml")])


def _compile(name: str, output: Path, options: list[str]) -> None:
    command = [
        sys.executable,
        "-m",
        "metaflow_triggers.commands.cli",
        "compile",
        f"examples/{name}",
        "--no-code-package",
    ]
    command += [*options, *EXTERNAL.get(name, []), *OPTIONS.get(name, []), "--output", str(output)]
    _run(name, command)


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr}")


def main() -> None:
    """All of them, or, when one does not compile, none."""
    target, fresh = ROOT / "golden", ROOT / "build" / "golden"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in examples():
        compile_example(name, fresh / name)
        if (fresh / "_shared").exists():
            shutil.rmtree(fresh / name / "_shared")  # the test holds that they are all equal
        else:
            (fresh / name / "_shared").rename(fresh / "_shared")
        print(name, flush=True)
    import metaflow

    (fresh / "metaflow-version.txt").write_text(metaflow.__version__.partition("+")[0] + "\n")
    for old in target.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    shutil.copytree(fresh, target, dirs_exist_ok=True)
    shutil.rmtree(fresh)


if __name__ == "__main__":
    main()
