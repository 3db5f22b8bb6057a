"""Compiles of the same flows under circumstances that are no input: one digest over all files.

12 of them in each run, 200 in the long form.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FILES = ("callable_events/flow.py", "project_events/flow.py", "workflow_shapes/flow.py")
BACKENDS = ("step-functions", "argo-workflows")
OTHER_USER = 12345


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What is no input. `uid`: None for this user; `inside`: the working directory is the folder of the flows."""

    seed: str
    locale: str
    zone: str
    uid: int | None
    inside: bool
    checkout: int
    order: int
    workers: int
    umask: int


def circumstances(number: int) -> Circumstances:
    """The `number`-th. Each axis has a period of its own, so that no two of them vary together."""
    locales = ("C", "C.UTF-8", "POSIX", *_other_locales()[:1])
    zones = ("UTC", "Pacific/Kiritimati", "America/St_Johns")
    return Circumstances(
        seed=str(number),
        locale=locales[number // 2 % len(locales)],
        zone=zones[number % len(zones)],
        uid=OTHER_USER if number % 2 else None,
        inside=bool(number // 4 % 2),
        checkout=number // 5 % 2,
        order=number,
        workers=(1, 8)[number // 7 % 2],
        umask=(0o022, 0o077)[number // 3 % 2],
    )


def _other_locales() -> list[str]:
    listed = (
        subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False)
        if shutil.which("locale")
        else None
    )
    known = {"C", "C.utf8", "C.UTF-8", "POSIX"}
    return [name for name in (listed.stdout.split() if listed else []) if name not in known]


def as_another_user() -> list[str]:
    """What goes before a command to run it as another user; nothing where this user may not, or that one cannot."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        return []
    before = [setpriv, f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"]
    command = [*before, sys.executable, "-m", "metaflow_triggers.commands.cli", "--version"]
    return before if subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0 else []


@dataclasses.dataclass(frozen=True)
class Place:
    """Two checkouts of the flows, made in different order, and room for output; all of it open to every user."""

    root: Path
    as_other: list[str]

    def checkout(self, number: int) -> Path:
        return self.root / ("one" if number == 0 else "deeper/down/and two") / "flows"

    def run(self, given: Circumstances, name: str, command: list[str], cwd: Path) -> str:
        """Run it and give its output; what it writes is in `self.root / name`."""
        home = self.root / f"home_{name}"
        home.mkdir()
        home.chmod(0o777)
        who = f"user{given.uid or 0}"
        process = subprocess.run(
            [*(self.as_other if given.uid else []), sys.executable, *command],
            cwd=cwd,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "USER": who,
                "LOGNAME": who,
                "METAFLOW_USER": "tester",
                "PYTHONHASHSEED": given.seed,
                "PYTHONDONTWRITEBYTECODE": "1",
                "LC_ALL": given.locale,
                "TZ": given.zone,
            },
            umask=given.umask,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def project(self, given: Circumstances, name: str, *options: str) -> str:
        """`metaflow-triggers compile` of all files; gives the digest of what it wrote."""
        files = list(FILES)
        random.Random(given.order).shuffle(files)
        checkout = self.checkout(given.checkout)
        cwd = checkout if given.inside else checkout.parent
        prefix = "" if given.inside else f"{checkout.name}/"
        paths = [prefix + file for file in files] if given.order % 3 else [prefix or "."]
        out = self.root / f"out_{name}"
        out.mkdir()
        out.chmod(0o777)
        workers = ["--workers", str(given.workers)]
        self.run(
            given,
            name,
            ["-m", "metaflow_triggers.commands.cli", "compile", *paths, "--output", str(out), *workers, *options],
            cwd,
        )
        return digest(out)


def digest(folder: Path) -> str:
    """Over names and bytes of all files."""
    found = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) > len(FILES) * len(BACKENDS)
    for path in files:
        found.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="determinism_"))
    root.chmod(0o755)
    place = Place(root, as_another_user())
    for number in (0, 1):
        for file in FILES if number == 0 else reversed(FILES):
            target = place.checkout(number) / file
            target.parent.mkdir(parents=True)
            shutil.copyfile(EXAMPLES / file, target)
            target.chmod(0o644 if number == 0 else 0o755)
            os.utime(target, (number * 10**9, number * 10**9))
    # A task's own folder of state is no part of a flow: Metaflow makes one beside the caller.
    for folder in [path for path in root.rglob("*") if path.is_dir()]:
        folder.chmod(0o777)
    try:
        yield place
    finally:
        shutil.rmtree(root)


def digests(place: Place, numbers: range, *options: str) -> set[str]:
    def one(number: int) -> str:
        return place.project(circumstances(number), f"{number}{''.join(options)}", *options)

    with ThreadPoolExecutor(2) as pool:
        return set(pool.map(one, numbers))


def test_with_the_code_package(place: Place) -> None:
    # `tests/unit/seams/test_code_package.py` varies more of what only the package could depend on.
    assert len(digests(place, range(4))) == 1


def test_without_the_code_package(place: Place) -> None:
    assert len(digests(place, range(4, 12), "--no-code-package")) == 1


@pytest.mark.long
def test_200_times_with_the_code_package(place: Place) -> None:
    assert len(digests(place, range(1000, 1200))) == 1


def test_the_branch_is_an_input(place: Place) -> None:
    """The digest does see a difference."""
    given = circumstances(0)
    assert place.project(given, "prod", "--no-code-package", "--production") != place.project(
        given, "branch", "--no-code-package"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_command_of_a_flow(place: Place, backend: str) -> None:
    printed = set()
    for number in (1, 8, 15):
        given = circumstances(number)
        flow = place.checkout(given.checkout) / "workflow_shapes"
        command = [*((str(flow / "flow.py"),) if given.inside else ("flow.py",)), "--quiet", "--no-pylint"]
        cwd = flow.parent if given.inside else flow
        printed.add(place.run(given, f"{backend}{number}", [*command, backend, "compile"], cwd))
    assert len(printed) == 1


def test_every_circumstance_occurs() -> None:
    for numbers in (range(4, 12), range(1000, 1200)):
        found = [circumstances(number) for number in numbers]
        for field in dataclasses.fields(Circumstances):
            assert len({getattr(item, field.name) for item in found}) > 1, field.name
        assert len({item.locale for item in found}) >= 3
        assert len({item.zone for item in found}) == 3
