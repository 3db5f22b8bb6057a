"""Virtual environments for the acceptance tests, without a network.

In:   the checkout and the environment that runs the tests.
Out:  environments that hold the project's dependencies and, installed by pip, the project.

Not here: downloading. The dependencies are symbolic links to those of the running environment; everything of
the project itself is left out, so that only what pip installed there can be found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "compiler", "runtime", "templates", "schemas")
OURS = ("metaflow_triggers", "metaflow_extensions", "__editable__", "distutils-precedence", "__pycache__")


def copy_sources(target: Path) -> Path:
    """The files that a build needs, apart from the checkout: a build leaves folders beside its sources."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


def pip(*arguments: str | Path) -> None:
    """Run the running environment's pip, offline. Raises CalledProcessError with pip's output shown."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise AssertionError(f"{' '.join(command)}\n{process.stdout}{process.stderr}")


def build_wheel(source: Path, target: Path) -> Path:
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", target, source)
    (wheel,) = target.glob("*.whl")
    return wheel


class Environment:
    """A virtual environment with the project's dependencies and nothing of the project."""

    def __init__(self, path: Path) -> None:
        self.path = path
        venv.create(path, with_pip=False, symlinks=True)
        self.bin = path / "bin"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.site_packages = path / "lib" / version / "site-packages"
        for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
            if not entry.name.startswith(OURS) and entry.suffix != ".pth":
                (self.site_packages / entry.name).symlink_to(entry)

    def install(self, *arguments: str | Path) -> None:
        pip("--python", self.bin / "python", "install", "--no-deps", "--no-index", "--no-build-isolation", *arguments)

    def run(self, *command: str, cwd: Path, exit_code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment as somebody about whom nothing is known: no user name, no setting."""
        home = self.path / "home"
        home.mkdir(exist_ok=True)
        process = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=cwd,
            env={"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == exit_code, process.stdout + process.stderr
        return process

    def python(self, code: str, cwd: Path) -> str:
        return self.run("python", "-c", code, cwd=cwd).stdout
