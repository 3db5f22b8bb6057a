"""Sessions: the processes of a run whose first process has ended.

In:   the number that its first process had (each run leads a session of that number), the row of the start.
Out:  what is left of the session, killed; whether nothing is left.

Not here: what becomes of the start (`issue`). A number is given to another process when nothing of the session is left,
so only processes count that carry the variables which the engine gave the run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from metaflow_extensions.triggers.plugins import local_runs

_LOOKS, _LOOK_SECONDS = 10, 0.02


def end(pid: int | None, start_id: int, database: str) -> bool:
    """Kill what is left of the session, and look whether something is; that takes at most a fifth of a second."""
    if pid is None:
        return True
    for _ in range(_LOOKS):
        left = _members(pid)
        if not left or not _is_ours(left, start_id, database):
            return True
        for member in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)
    return not _members(pid)


def _members(session: int) -> list[int]:
    if sys.platform != "linux":
        return _members_by_ps(session)
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat", "rb") as file:
                state, _, _, its_session = file.read().rpartition(b")")[2].split()[:4]
            if int(its_session) == session and state not in (b"Z", b"X"):
                found.append(int(name))
    return found


def _members_by_ps(group: int) -> list[int]:
    """Where there is no /proc: the group that the first process led, which its tasks are of."""
    told = subprocess.run(["ps", "-axo", "pid=,pgid=,stat="], capture_output=True, text=True, check=False).stdout
    rows = [line.split() for line in told.splitlines()]
    return [int(row[0]) for row in rows if len(row) == 3 and int(row[1]) == group and row[2][0] != "Z"]


def _is_ours(members: list[int], start_id: int, database: str) -> bool:
    if sys.platform != "linux":
        return group_is_headless(members)
    return any(_carries(member, start_id, database) for member in members)


def group_is_headless(members: list[int]) -> bool:
    """Whether the process that gave the group its number has gone; another group of that number would have it."""
    return not any(os.getpgid(member) == member for member in members)


def _carries(pid: int, start_id: int, database: str) -> bool:
    """Whether a process was given the variables of this run. Its first process sets the start's after it has begun."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            words = dict(item.partition(b"=")[::2] for item in file.read().split(b"\0"))
        given = words.get(local_runs.DATABASE_VARIABLE.encode())
        start = words.get(local_runs.START_VARIABLE.encode(), b"")
        return given is not None and os.path.samefile(given, database) and start in (b"", str(start_id).encode())
    except OSError:
        return False
