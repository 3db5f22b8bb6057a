"""What the examples compile to equals golden/, byte for byte; of what golden/ does not hold, it has the hashes.

`make goldens` writes it anew; review the change.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .examples import GOLDEN, ROOT, compile_command, environment, examples
from .kept import POLLED, VERSION, WHOLE, digest, golden, is_of_upstream, paths, recorded
from .regenerate import installed, write_anew
from .whole_outputs import compiled, everything, outputs, texts

RECORDED = (GOLDEN / VERSION).read_text().strip()


def of_upstream_needs_its_version() -> None:
    if installed() != RECORDED:
        pytest.skip(f"the step workflow is upstream's: install metaflow=={RECORDED} to compare (found {installed()})")


def held(name: str) -> dict[str, str]:
    """What golden/ has of an example: path -> text."""
    on_argo = "step-functions" not in compile_command(name)
    shared = texts(GOLDEN / "_shared").items() if on_argo else ()
    return texts(GOLDEN / name) | {f"_shared/{path}": text for path, text in shared}


def hashes(name: str) -> dict[str, str]:
    """What golden/ has only the hash of: path -> hash."""
    return {path.partition("/")[2]: value for path, value in recorded().items() if path.startswith(f"{name}/")}


def test_every_example_has_goldens_and_every_golden_an_example():
    assert sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()) == ["_shared", *examples()]


@pytest.mark.parametrize("name", examples())
def test_trigger_objects(name):
    got, want = texts(compiled(*examples()) / name), held(name)
    assert not set(want) & set(hashes(name))
    assert sorted(got) == sorted([*want, *hashes(name)])
    for path in sorted(want):
        if not is_of_upstream(path):
            assert got[path] == want[path], path


@pytest.mark.parametrize("name", examples())
def test_step_workflow(name):
    of_upstream_needs_its_version()
    got, want = texts(compiled(*examples()) / name), held(name)
    for path in filter(is_of_upstream, sorted(want)):
        assert got[path] == want[path], path
    assert {path: digest(got[path]) for path in hashes(name)} == hashes(name), "golden/README.md says how to see more"


@pytest.mark.parametrize("name", examples())
def test_trigger_objects_of_aws_are_those_of_the_whole_template(name):
    """`--show triggers` leaves out the step workflow, what it alone needs, and that the rest waits for it."""
    got = texts(compiled(*examples()) / name)
    for path in [path for path in got if path.startswith("step-functions/")]:
        whole = load(got[path])
        resources = whole["Resources"]
        left_out = {key: value["Type"] for key, value in resources.items() if of_steps(key, value)}
        polled = "PollSchedule" in left_out
        left_out |= dict.fromkeys(("ScheduleGroup", "SchedulerRole"), "") if polled else {}
        assert list(left_out.values()).count("AWS::StepFunctions::StateMachine") == 1 + polled
        for key in left_out:
            del resources[key]
        for resource in resources.values():
            assert resource.pop("DependsOn", None) in (None, ["StateMachine"])
        if not resources:
            assert f"triggers/{path}" not in got
            continue
        used = {value for value in strings(resources) if value in whole["Parameters"]}
        used |= {key for key in whole["Parameters"] if any(f"${{{key}}}" in value for value in strings(resources))}
        whole["Parameters"] = {key: value for key, value in whole["Parameters"].items() if key in used}
        # As text, since the order of keys counts.
        assert yaml.dump(whole, sort_keys=False) == yaml.dump(load(got[f"triggers/{path}"]), sort_keys=False)


OF_A_JOB_THAT_POLLS = ("PollMachine", "PollMachineRole", "PollSchedule")
"""It is made of the job of the start step. Its schedule is the only one of the examples that has polls."""


def of_steps(key, resource) -> bool:
    return key in OF_A_JOB_THAT_POLLS or key == "StateMachine" or resource["Type"] == "AWS::Batch::JobDefinition"


def strings(value):
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)


def load(text: str):
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def test_golden_holds_what_make_goldens_writes_and_nothing_else():
    of_upstream_needs_its_version()
    assert texts(GOLDEN) == golden(outputs(), installed())
    assert paths() == sorted(everything())


def test_the_step_workflow_stands_in_few_examples_only():
    whole = {path.parts[-3] for path in GOLDEN.glob("*/step-functions/*")}
    whole |= {path.parts[-4] for path in GOLDEN.rglob("workflowtemplate.yaml")}
    assert sorted(whole) == sorted((*WHOLE, *POLLED))
    assert not [name for name in WHOLE if (GOLDEN / name / "triggers").exists()]


@pytest.mark.parametrize("name", WHOLE)
def test_the_command_in_a_process_of_its_own_writes_the_same(name, tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "metaflow_triggers.commands.cli",
        *compile_command(name),
        "--output",
        str(tmp_path / "out"),
    ]
    subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=True)
    (tmp_path / "out/argo-workflows/_shared").rename(tmp_path / "out/_shared")
    got = texts(compiled(*examples()) / name)
    apart = ("triggers/", "policies.yaml")  # written by commands of their own
    assert texts(tmp_path / "out") == {path: text for path, text in got.items() if not path.startswith(apart)}


def test_goldens_are_written_all_or_not_at_all(tmp_path: Path):
    target = tmp_path / "golden"
    target.mkdir()
    (target / "left_over.yaml").write_text("x")
    with pytest.raises(RuntimeError, match=r"no_such_example: (.|\n)*FT\d+"):
        write_anew(target, ["welcome_email", "no_such_example"])
    assert texts(target) == {"left_over.yaml": "x"}
    write_anew(target, ["welcome_email"])
    output = texts(compiled(*examples()) / "welcome_email")
    assert texts(target) == golden({"welcome_email": output}, installed())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "golden"]
