"""Poisoned: `metaflow-triggers` in a process where clock and randomness are forbidden to our modules.

In:   the file that takes what was called, then the command line; `--probe` in its place calls the clock as a module of
      ours would.
Out:  the command's exit status; each forbidden call raises, and is a line of that file.

Not here: Metaflow's own calls, which give what stands in no file of ours. Nothing of the standard library is changed:
the interpreter tells us of each call (`sys.setprofile`), and we look at who calls. `time.monotonic` is allowed: it
ends children that hang.
"""

from __future__ import annotations

import datetime
import os
import random
import secrets
import sys
import threading
import time
import uuid
from typing import Any

OURS = ("metaflow_triggers", "metaflow_extensions.triggers")
C_FUNCTIONS = {
    ("time", name) for name in ("time", "time_ns", "localtime", "gmtime", "strftime", "ctime", "asctime")
} | {("posix", "urandom"), ("posix", "getrandom")}
CLOCK_METHODS = {"now", "utcnow", "today"}
# A fork seeds the module's generator anew (random.py, `os.register_at_fork`); that gives nobody a number.
AFTER_FORK = (random.Random.seed.__code__,)
PYTHON_MODULES = (random.__file__, secrets.__file__, uuid.__file__)


def is_ours(frame: Any) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return any(name == own or name.startswith(f"{own}.") for own in OURS)


def forbidden(event: str, frame: Any, function: Any) -> str | None:
    """The name of what a module of ours must not call, if it does."""
    if event == "c_call" and is_ours(frame):
        module, name = getattr(function, "__module__", None), getattr(function, "__name__", "")
        owner = getattr(function, "__self__", None)
        if (module, name) in C_FUNCTIONS or (name in ("urandom", "getrandom") and function is getattr(os, name, None)):
            return f"{module}.{name}"
        if name in CLOCK_METHODS and isinstance(owner, type) and issubclass(owner, datetime.date):
            return f"datetime.{name}"
        if isinstance(owner, random.Random):
            return f"random.{name}"
    elif event == "call" and frame.f_code in AFTER_FORK:
        return None
    elif event == "call" and frame.f_code.co_filename in PYTHON_MODULES and frame.f_back and is_ours(frame.f_back):
        return f"{frame.f_globals['__name__']}.{frame.f_code.co_name}"
    return None


def watch(log: int) -> None:
    """From now on, in this process and in those that it forks."""

    def told(frame: Any, event: str, function: Any) -> None:
        name = forbidden(event, frame, function)
        if name is not None:
            caller = frame if event == "c_call" else frame.f_back
            os.write(log, f"{caller.f_globals['__name__']}:{caller.f_lineno} calls {name}\n".encode())
            raise RuntimeError(f"{name} is poisoned")

    threading.setprofile(told)
    sys.setprofile(told)


def probe() -> None:
    """Call each kind of forbidden function as a module of ours would."""
    modules = {"time": time, "datetime": datetime, "os": os, "random": random, "uuid": uuid, "secrets": secrets}
    calls = ("time.time()", "datetime.datetime.now()", "datetime.date.today()", "os.urandom(8)", "random.random()")
    for call in (*calls, "random.choice([1])", "uuid.uuid4()", "secrets.token_hex()"):
        watch(log)
        try:
            exec(call, {"__name__": "metaflow_triggers.probe", **modules})
        except RuntimeError:
            continue
        sys.exit(f"{call} was not noticed")


if __name__ == "__main__":
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if sys.argv[2:] == ["--probe"]:
        probe()
        sys.exit(0)
    # Ours must be called in no other way than by name, so modules are imported under watch, too.
    watch(log)
    from metaflow_triggers.commands.cli import main

    sys.argv = ["metaflow-triggers", *sys.argv[2:]]
    sys.exit(main())
