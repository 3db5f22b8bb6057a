"""Installation: the emulator's own environment, made once.

In:   pip and its index, the first time.
Out:  a Python that has ministack, in `.venv-ministack` of the checkout.

Not here: running it. It has an environment of its own because it pins the version of botocore; it is young, so its
own version is pinned here: the corrections in `server/` are for this one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSION = "1.5.33"
FOLDER = Path(__file__).resolve().parents[4] / ".venv-ministack"


class NotInstalled(Exception):
    """The emulator cannot be installed here. The message says why, and what to do."""


def is_installed() -> bool:
    """Whether nothing is left to be installed."""
    return (FOLDER / f"ministack-{VERSION}").exists()


def python() -> str:
    """The Python that has the emulator. Installs it if need be; raises NotInstalled."""
    interpreter = FOLDER / "bin" / "python"
    if not is_installed():
        FOLDER.mkdir(exist_ok=True)
        with _alone(FOLDER / "lock"):
            if not is_installed():  # another worker may have been faster
                _install(interpreter)
                (FOLDER / f"ministack-{VERSION}").touch()
    return str(interpreter)


def _install(interpreter: Path) -> None:
    commands = (
        [sys.executable, "-m", "venv", str(FOLDER)],
        [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "-q", f"ministack=={VERSION}"],
    )
    for command in commands:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        process = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if process.returncode:
            lines = (process.stderr or process.stdout).strip().splitlines()
            raise NotInstalled(
                f"the AWS emulator is not installed; with a package index, `make engine` gets it "
                f"({lines[-1] if lines else process.returncode})"
            )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    print(python())
