"""The code package: the same bytes wherever it is made, and what a task needs of it."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import metaflow
import pytest

from .run import EXAMPLES, ROOT, environment, python, succeeded

FILES = {
    "flow.py": (EXAMPLES / "process_order/flow.py").read_text("utf-8"),
    "helpers/__init__.py": "",
    "helpers/prices.py": "RATE = 2\n",
    "zeta.py": "Z = 1\n",
    "alpha.py": "A = 'ü'\n",
}


def make(folder: Path, names: Sequence[str] = tuple(FILES), umask: int = 0o022, **variables: str) -> bytes:
    """The bytes of the package of a flow whose files were made in this order under this umask."""
    folder.mkdir(parents=True)
    before = os.umask(umask)
    try:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(FILES[name], "utf-8")
    finally:
        os.umask(before)
    out = folder.parent / f"{folder.name}.tgz"
    script = Path(__file__).parent / "prepared.py"
    process = subprocess.run(
        [sys.executable, str(script), "flow.py", "package", str(out)],
        cwd=folder,
        env=environment(folder.parent, **variables),
        umask=umask,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    succeeded(process)
    return out.read_bytes()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("first") / "flow")


def test_same_bytes_elsewhere(package: bytes, tmp_path: Path) -> None:
    other = make(
        tmp_path / "an other/place",
        sorted(FILES, reverse=True),
        umask=0o077,
        HOME=str(tmp_path),
        USER="somebody",
        LOGNAME="somebody",
        PYTHONHASHSEED="7",
        LC_ALL="C",
        TZ="Asia/Kathmandu",
    )
    assert other == package


def test_same_bytes_in_a_repository(package: bytes, tmp_path: Path) -> None:
    """Metaflow looks at the git repository around the flow."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert make(tmp_path / "flow") == package


def test_another_file_gives_other_bytes(package: bytes, tmp_path: Path) -> None:
    assert make(tmp_path / "flow", [name for name in FILES if name != "zeta.py"]) != package


def test_it_tells_nothing_of_the_machine(package: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == sorted(member.name for member in members)
        assert {(m.uid, m.gid, m.uname, m.gname, m.mode, m.mtime) for m in members} == {
            (0, 0, "", "", 0o644, 1575360000)
        }
        for member in members:
            file = archive.extractfile(member)
            assert file is not None
            assert str(ROOT).encode() not in file.read(), member.name
        info = archive.extractfile(".mf_meta/INFO")
        assert info is not None
        told = json.load(info)
    told.pop("ext_info")
    assert told == {
        "environment_type": "local",
        "metaflow_version": metaflow.__version__,
        "runtime": "dev",
        "script": "flow.py",
        "username": "tester",
    }


def test_a_task_finds_flow_and_extension_in_it(package: bytes, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    assert {"flow.py", "helpers/prices.py"} <= set(names)
    runtime = ROOT / "runtime"
    for file in (runtime / "metaflow_extensions/triggers").rglob("*.py"):
        packed = tmp_path / ".mf_code" / file.relative_to(runtime)
        assert packed.read_bytes() == file.read_bytes(), file.name
    # As in a task's image: the package's code, and what the task installs before it unpacks the package; -S hides the
    # site-packages of the tests, with Metaflow and the extension in them.
    installed = tmp_path / "installed"
    installed.mkdir()
    for name in ("requests", "urllib3", "idna", "certifi", "charset_normalizer"):
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None
        (installed / name).symlink_to(Path(found.origin).parent)
    code = "\n".join(
        [
            "from metaflow import trigger, emit_event, namespaced_event_name, ParameterContext",
            "import metaflow, metaflow_extensions.triggers.plugins.launcher as launcher",
            "print(metaflow.__file__); print(launcher.__file__); print(trigger.__module__)",
            "from metaflow.plugins import FLOW_DECORATORS",
            "print([cls.__module__ for cls in FLOW_DECORATORS if cls.name == 'trigger'])",
        ]
    )
    process = python(
        *("-S", "-c", code),
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(tmp_path / ".mf_code"), str(installed)]),
        METAFLOW_EXTRACTED_ROOT=str(tmp_path),
    )
    lines = succeeded(process).splitlines()
    assert lines[0].startswith(str(tmp_path)), process.stderr
    assert lines[1].startswith(str(tmp_path))
    assert lines[3] == "['metaflow_extensions.triggers.plugins.decorators']"


@pytest.mark.parametrize(
    ("put", "says"),
    [
        (lambda path: path.symlink_to("/nowhere/else.py"), "it cannot be read: No such file or directory"),
        (os.mkfifo, "it is a pipe, not a regular file"),  # to open it would wait for somebody who writes
        (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a regular file"),
    ],
    ids=["a link to nothing", "a pipe", "a device"],
)
def test_what_cannot_be_packed_is_told_by_its_path(tmp_path: Path, put: Callable[[Path], None], says: str) -> None:
    (tmp_path / "flow.py").write_text(FILES["flow.py"], "utf-8")
    put(tmp_path / "odd.py")
    command = ("flow.py", "--no-pylint", "step-functions", "compile", "--output", "out")
    process = python(*command, cwd=tmp_path)
    assert process.returncode == 1
    assert f"error[FT125]: the code package cannot have `{tmp_path / 'odd.py'}`: {says}\n" in process.stderr
    assert "Traceback" not in process.stderr and not (tmp_path / "out").exists()
