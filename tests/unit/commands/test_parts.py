"""What a workflow refers to beside its code package (files of `IncludeFile`, commands that became files) leaves this
machine with `create`, and with nothing else."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.upstream.emulated_aws import Aws, emulated_aws

from .conftest import Done, Run, clean
from .test_create_delete import USER, clients, kubernetes  # noqa: F401 - a fixture
from .test_task import run_task, states

FLOW = """
from metaflow import FlowSpec, IncludeFile, step, trigger


def elsewhere(context):
    print("I am asked where")
    return "texts/more.bin"


@trigger(event="go")
class Include(FlowSpec):
    words = IncludeFile("words", default="words.txt")
    more = IncludeFile("more", default=elsewhere, is_text=False)
    nothing = IncludeFile("nothing", required=False)

    @step
    def start(self):
        print("WORDS", ascii(self.words), self.more, self.nothing)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Include()
"""
WORDS = "a b\n\N{SNOWMAN} $(touch pwned)\n"
MORE = bytes(range(256))
BACKENDS = ("step-functions", "argo-workflows")
COMPRESSED = ("--compress-state-machine",)
QUIET = ("--quiet", "--no-pylint")


@pytest.fixture(scope="module")
def running() -> Iterator[Aws]:
    with emulated_aws() as found:
        yield found


@pytest.fixture
def aws(running: Aws) -> Aws:
    running.recorder.asked.clear()
    return running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "flows"
    (found / "texts").mkdir(parents=True)
    (found / "flow.py").write_text(FLOW, "utf-8")
    (found / "words.txt").write_text(WORDS, "utf-8")
    (found / "texts/more.bin").write_bytes(MORE)
    return found


def sha1(content: bytes) -> str:
    """The hash of a content as another program than ours tells it."""
    return subprocess.run(["sha1sum"], input=content, capture_output=True, check=True).stdout.decode().split()[0]


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def included(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: gzip.decompress(text) for name, text in files.items() if name.startswith("data/")}


def namespaces() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-rn", "true"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("backend", "more"), [(BACKENDS[0], ()), (BACKENDS[0], COMPRESSED), (BACKENDS[1], ())], ids=lambda item: str(item)
)
def test_compiling_asks_for_nothing_and_gives_the_same_with_and_without_a_network(
    run: Run, aws: Aws, folder: Path, tmp_path: Path, backend: str, more: tuple[str, ...]
) -> None:
    settings = {**USER, **aws.environment}
    command = ("flow.py", *QUIET, backend, "compile", *more, "--package-output")
    first = run(*command, "one", cwd=folder, settings=settings)
    assert first.code == 0, first.err
    assert aws.recorder.asked == []
    files = below(folder / "one")
    shutil.rmtree(folder / "one")  # it would be a part of the next code package
    assert included(files) == {f"data/Include/{sha1(item)}": item for item in (WORDS.encode(), MORE)}
    assert (sum("/data/" in name for name in files) > 1) == bool(more)
    (package,) = [name for name, text in files.items() if "/data/" in name and text.startswith(b"\x1f\x8b")]
    assert not any(package.encode() in text for text in files.values()), "the command of a step is of one release"
    if namespaces():
        done = subprocess.run(
            ["unshare", "-rn", sys.executable, *command, tmp_path / "other"],
            cwd=folder,
            env=clean(tmp_path, **settings),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, first.out), done.stderr
        assert below(tmp_path / "other") == files
    # Each part is named where the workflow looks for it.
    for name in files:
        assert name.rpartition("/")[2] in first.out, name
    assert "I am asked where" in first.err and "I am asked where" not in first.out


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_configured_leaves_the_bucket_open_in_the_address(run: Run, folder: Path, backend: str) -> None:
    done = run("flow.py", *QUIET, backend, "compile", "--no-code-package", cwd=folder, settings=USER)
    assert done.code == 0, done.err
    for content in (WORDS.encode(), MORE):
        assert f"/data/Include/{sha1(content)}" in done.out
    root = "${DatastoreBucket}/${DatastorePrefix}" if backend == BACKENDS[0] else "OPEN.DatastoreBucket.SETTING/"
    assert f"s3://{root}" in done.out


def test_the_project_command_compiles_it_too(run: Run, triggers: Run, aws: Aws, folder: Path) -> None:
    settings = {**USER, **aws.environment}
    whole = triggers("compile", "flow.py", "--output", "out", cwd=folder, settings=settings)
    assert whole.code == 0, whole.err
    assert aws.recorder.asked == []
    for content in (WORDS.encode(), MORE):
        for name in ("step-functions/Include.yaml", "argo-workflows/include/workflowtemplate.yaml"):
            assert sha1(content) in (folder / "out" / name).read_text("utf-8"), name


def test_places_outside_of_the_datastores_root(run: Run, aws: Aws, folder: Path) -> None:
    settings = {**USER, **aws.environment, "METAFLOW_DATATOOLS_S3ROOT": "s3://another/place"}
    done = run("flow.py", *QUIET, *(BACKENDS[0], "compile", "--package-output", "out"), cwd=folder, settings=settings)
    assert done.code == 0, done.err
    names = {name for name in below(folder / "out") if "/data/" not in name}
    assert names == {f"elsewhere/another/place/Include/{sha1(item)}" for item in (WORDS.encode(), MORE)}
    assert f"s3://another/place/Include/{sha1(MORE)}" in done.out


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_json_lists_what_it_leaves_here(run: Run, aws: Aws, folder: Path, backend: str) -> None:
    more = COMPRESSED if backend == BACKENDS[0] else ()
    settings = {**USER, **aws.environment}
    done = run("flow.py", *QUIET, backend, "create", "--only-json", *more, cwd=folder, settings=settings)
    assert done.code == 0, done.err
    assert aws.recorder.asked == []
    assert json.loads(done.out)
    listed = done.err.partition("not uploaded")[2].splitlines()[1:]
    paths = [line.strip().partition(":")[0] for line in listed]
    assert {path for path in paths if path.startswith("data/")} == {
        f"data/Include/{sha1(item)}" for item in (WORDS.encode(), MORE)
    }
    assert len([path for path in paths if path.startswith("Include/data/")]) == 1 + 2 * len(more)
    assert all(path.rpartition("/")[2] in done.out for path in paths)


@pytest.mark.parametrize("more", [pytest.param((), marks=pytest.mark.long), COMPRESSED], ids=["inline", "compressed"])
def test_create_uploads_it_before_anything_refers_to_it_and_a_run_finds_it(
    run: Run, aws: Aws, folder: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    settings = {**USER, **aws.environment}
    made = run("flow.py", "--no-pylint", BACKENDS[0], "create", *more, cwd=folder, settings=settings)
    assert made.code == 0, made.err
    asked = aws.recorder.asked
    puts = [number for number, one in enumerate(asked) if one.startswith("PUT /mf-test/")]
    machines = [
        number for number, one in enumerate(asked) if one.endswith(("CreateStateMachine", "UpdateStateMachine"))
    ]
    assert puts and machines and max(puts) < min(machines)
    definition = deployed(aws)
    start, end = states(definition)
    said = run_task(start, aws, tmp_path, "by-hand", "job-start", "", "{}")
    assert f"WORDS {WORDS!a} {MORE} None" in said
    run_task(end, aws, tmp_path, "by-hand", "job-end", "job-start", "{}")
    assert ("step_command" in json.dumps(start)) == bool(more)
    aws.recorder.asked.clear()
    again = run("flow.py", "--no-pylint", BACKENDS[0], "create", *more, cwd=folder, settings=settings)
    assert again.code == 0 and "nothing to do" in again.err, again.err
    assert [one for one in aws.recorder.asked if one.startswith("PUT ")] == []
    assert run("flow.py", "--no-pylint", BACKENDS[0], "delete", cwd=folder, settings=settings).code == 0


def deployed(aws: Aws) -> Any:
    client = clients(aws)("stepfunctions")
    machines = {item["name"]: item["stateMachineArn"] for item in client.list_state_machines()["stateMachines"]}
    return json.loads(client.describe_state_machine(stateMachineArn=machines["Include"])["definition"])


def test_create_on_argo_uploads_it_too(
    run: Run,
    aws: Aws,
    folder: Path,
    kubernetes: KubernetesStandIn,  # noqa: F811
) -> None:
    settings = {**USER, **aws.environment, **kubernetes.settings}
    done = run("flow.py", "--no-pylint", BACKENDS[1], "create", cwd=folder, settings=settings)
    assert done.code == 0, done.err
    (template,) = kubernetes.objects("workflowtemplates").values()
    values = {item["name"]: item["value"] for item in template["spec"]["arguments"]["parameters"]}
    for name, content in (("words", WORDS.encode()), ("more", MORE)):
        address = json.loads(json.loads(values[name]))["url"]
        bucket, _, key = address.removeprefix("s3://").partition("/")
        body = clients(aws)("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        assert gzip.decompress(body) == content


def refused(done: Done) -> str:
    assert done.code != 0 and "Traceback" not in done.err and "FT900" not in done.err, done.err
    return done.err


def test_a_command_in_a_file_needs_every_setting(run: Run, aws: Aws, folder: Path) -> None:
    command = ("flow.py", *QUIET, BACKENDS[0], "compile", *COMPRESSED)
    said = refused(run(*command, cwd=folder, settings=USER))
    for name in ("DATASTORE_SYSROOT_S3", "BATCH_JOB_QUEUE", "ECS_S3_ACCESS_IAM_ROLE"):
        assert said.count(f"help: set METAFLOW_{name}") == 1
    assert said.count("error[FT002]") == 3
    said = refused(run(*command, "--no-code-package", cwd=folder, settings={**USER, **aws.environment}))
    assert said.count("error[FT002]") == 1 and "leave --no-code-package or --compress-state-machine out" in said


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_that_is_not_there_is_told_in_metaflows_words(run: Run, folder: Path, backend: str) -> None:
    (folder / "words.txt").unlink()
    said = refused(run("flow.py", *QUIET, backend, "compile", cwd=folder, settings=USER))
    assert said.count("error[") == 1 and "error[FT123]" in said
    assert "`words`" in said and "could not open file 'words.txt'" in said


def test_a_function_that_raises_is_told_in_its_words(run: Run, folder: Path) -> None:
    text = FLOW.replace('return "texts/more.bin"', 'raise LookupError("no such thing")')
    (folder / "flow.py").write_text(text, "utf-8")
    said = refused(run("flow.py", *QUIET, BACKENDS[0], "compile", cwd=folder, settings=USER))
    assert said.count("error[") == 1 and "`more`: LookupError: no such thing" in said


def test_a_datastore_that_refuses_a_part_stops_create(run: Run, aws: Aws, folder: Path) -> None:
    (folder / "texts/more.bin").write_bytes(b"not uploaded by another test")
    name = sha1(b"not uploaded by another test")
    key = f"PUT /mf-test/metaflow/data/Include/{name}"
    said_by_s3 = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    aws.recorder.instead = lambda asked: (403, "application/xml", said_by_s3) if asked == key else None
    try:
        done = run("flow.py", "--no-pylint", BACKENDS[0], "create", cwd=folder, settings={**USER, **aws.environment})
    finally:
        aws.recorder.instead = lambda asked: None
    said = refused(done)
    assert "error[FT702]" in said and "access denied (AccessDenied): s3:PutObject" in said and name in said
    assert not [one for one in aws.recorder.asked if one.endswith("CreateStateMachine")]
