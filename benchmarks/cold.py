"""Cold: one flow, a fresh process: ours beside upstream's `create --only-json` against an emulated AWS.

Usage: python -m benchmarks.cold [--repeat N]
Upstream runs with the extension hidden, and on Step Functions without the triggers, which it refuses there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import yaml

from tests.worlds.upstream.emulated_aws import emulated_aws

from .flows import flow, without_triggers
from .measure import Command, alternate, environment, equal, head, table

QUIET = ("--quiet", "--no-pylint")
BACKENDS = ("step-functions", "argo-workflows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    with emulated_aws() as aws, tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        (folder / "flow.py").write_text(flow(1), "utf-8")
        (folder / "plain.py").write_text(without_triggers(flow(1)), "utf-8")
        (folder / "none").mkdir()
        ours = environment(home)
        hidden = {**ours, **aws.environment, "METAFLOW_EXTENSIONS_SEARCH_DIRS": str(folder / "none")}
        hidden["METAFLOW_ARGO_EVENTS_EVENT"] = "metaflow-event"
        commands = [
            Command("import, extension hidden", ("-c", "import metaflow, plain"), folder, hidden),
            Command("import", ("-c", "import metaflow, flow"), folder, ours),
        ]
        for backend in BACKENDS:
            compile_ = ("flow.py", *QUIET, backend, "compile")
            create = ("plain.py", *QUIET, backend, "create", "--only-json")
            commands += [
                Command(f"{backend}, upstream", create, folder, hidden),
                Command(f"{backend}, ours", (*compile_, "--no-code-package"), folder, ours),
                Command(f"{backend}, ours with the code package", compile_, folder, ours),
            ]
        runs = alternate(commands, repeat)
    head("One flow, a fresh process (seconds)", repeat)
    rows = []
    for name, found in runs.items():
        base = runs["import, extension hidden" if "upstream" in name else "import"]
        above = found.seconds - base.seconds
        rows.append([name, f"{found.seconds:.2f}", f"{found.processor_seconds:.2f}", f"{above:.2f}"])
    table(["", "wall", "processor", "above import"], rows)
    rows = []
    for backend in BACKENDS:
        upstream, our = runs[f"{backend}, upstream"], runs[f"{backend}, ours"]
        equal(f"{backend} compile", our.outputs)
        _same_steps(backend, upstream.outputs[0], our.outputs[0])
        start, start_hidden = runs["import"], runs["import, extension hidden"]
        above = (upstream.seconds - start_hidden.seconds) / (our.seconds - start.seconds)
        above_processor = (upstream.processor_seconds - start_hidden.processor_seconds) / (
            our.processor_seconds - start.processor_seconds
        )
        rows.append([backend, f"{upstream.seconds / our.seconds:.1f}", f"{above:.1f}", f"{above_processor:.1f}"])
    table(["upstream / ours", "whole command", "above import", "above import, processor"], rows)
    print("outputs: equal bytes in all repetitions; the same steps as upstream")


def _same_steps(backend: str, upstream: str, ours: str) -> None:
    document = json.loads(upstream)
    if backend == "step-functions":
        (theirs,) = [found for found in _named(document) if "start" in found]
        mine = [found for found in _named(yaml.safe_load(ours)) if "start" in found]
    else:
        theirs = {item["name"] for item in document["spec"]["templates"]}
        (template,) = [item for item in yaml.safe_load_all(ours) if item["kind"] == "WorkflowTemplate"]
        mine = [{item["name"] for item in template["spec"]["templates"]}]
    if not mine or not theirs <= mine[0]:
        raise SystemExit(f"{backend}: upstream has {sorted(theirs)}, ours {mine}")


def _named(value: object) -> list[set[str]]:
    """The names of the states of every state machine in a document that is not inside another one."""
    if isinstance(value, dict):
        if "States" in value:
            return [set(value["States"])]
        return [found for item in value.values() for found in _named(item)]
    return []


if __name__ == "__main__":
    main()
