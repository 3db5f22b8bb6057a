"""Reading a file costs no more than it may: of memory, of time, of what it prints; and nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..commands.conftest import Run, clean, run, triggers  # noqa: F401 - fixtures
from .many import HEAD, flow, write

LEFT = {
    "a process": "if os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)\n",
    "a session": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    os.fork() or time.sleep(60)\n    os._exit(0)\n",
    "a daemon that ignores signals": "import signal\nif os.fork() == 0:\n    os.setsid()\n"
    "    [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\n    time.sleep(60)\n",
    "a program": "import subprocess\nsubprocess.Popen(['sleep', '60'], start_new_session=True, close_fds=False)\n",
    "a pool": "import multiprocessing\npool = multiprocessing.get_context('spawn').Pool(1)\n",
    "a thread": "import threading\nthreading.Thread(target=time.sleep, args=(60,)).start()\n",
}


def marked(marker: str) -> list[int]:
    """The processes that were started with the marker in their environment."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and marker.encode() in Path("/proc", name, "environ").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="a supervisor needs Linux")
def test_what_an_import_leaves_running_is_ended(tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    for number, text in enumerate(LEFT.values()):
        write(tmp_path, {f"f{number}.py": HEAD + "import os, time\n" + text + flow(f"A{number}")})
    marker = f"MARKER_OF_TEST={tmp_path.name}-{os.getpid()}"
    started = time.monotonic()
    done = triggers("check", ".", "--timeout", "50", cwd=tmp_path, settings=dict([marker.split("=")]), seconds=110)
    assert done.code == 0, done.err
    assert time.monotonic() - started < 50
    assert sorted(line.split()[0] for line in done.out.splitlines()[1:]) == [
        f"A{number}" for number in range(len(LEFT))
    ]
    assert marked(marker) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a supervisor needs Linux")
def test_a_function_of_a_trigger_leaves_nothing_either(tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    name = "import os, time\ndef name():\n    if os.fork() == 0:\n        time.sleep(60)\n    return 'go'\n"
    write(tmp_path, {"f.py": HEAD + name + flow("A", above="@trigger(event=name)") + flow("B")})
    marker = f"MARKER_OF_TEST={tmp_path.name}-{os.getpid()}"
    done = triggers("check", ".", "--timeout", "50", cwd=tmp_path, settings=dict([marker.split("=")]))
    assert done.code == 0 and "event go arrives" in done.out, done.err
    assert marked(marker) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a supervisor needs Linux")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_command_that_is_ended_leaves_nothing(ending: signal.Signals, tmp_path: Path) -> None:
    hangs = (
        HEAD + "import os, time\nif os.fork() == 0:\n    os.setsid()\nopen(f'up-{os.getpid()}', 'w')\ntime.sleep(60)\n"
    )
    write(tmp_path, {"f.py": hangs})
    marker = f"MARKER_OF_TEST={tmp_path.name}-{os.getpid()}"
    command = subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "check", "f.py"],
        cwd=tmp_path,
        env=clean(tmp_path, **dict([marker.split("=")])),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background ignores it
    )
    wait_until(lambda: len(list(tmp_path.glob("up-*"))) == 2)
    command.send_signal(ending)
    command.wait(30)
    wait_until(lambda: not marked(marker))


def wait_until(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def peak_and_diagnostics(folder: Path, *arguments: str) -> tuple[int, list[dict[str, object]]]:
    """The most memory that a command had (KiB), its children apart, and what it told."""
    # Not ru_maxrss: Linux keeps in it what the process had before it became another program, which is this one's.
    code = (
        "import sys\nfrom metaflow_triggers.commands.cli import main\n"
        "main(['check', *sys.argv[1:], '--format', 'json'])\n"
        "(peak,) = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
        "print(peak, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=clean(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return int(done.stderr.splitlines()[-1]), json.loads(done.stdout)["diagnostics"]


FLOODS = {
    "prints": ("import sys\nwhile True:\n    sys.stdout.write('x' * 1000000)\n", "FT124"),
    "prints to standard error": ("import os\nwhile True:\n    os.write(2, b'y' * 1000000)\n", "FT124"),
    "prints from a child": ("import os\nos.fork()\nwhile True:\n    os.write(1, b'y' * 1000000)\n", "FT124"),
    "answers": (
        "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        for _ in range(400):\n"
        "            os.write(int(name), b'[' * 1000000 * (int(name) > 2))\n    except OSError:\n        pass\n",
        "FT124",
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_ended_and_costs_no_memory(name: str, tmp_path: Path) -> None:
    text, code = FLOODS[name]
    write(tmp_path, {"f.py": "# FlowSpec\n" + text, "g.py": HEAD + flow("Good")})
    peak, found = peak_and_diagnostics(tmp_path, "f.py", "g.py")
    assert [item["code"] for item in found] == [code]
    limit = 2 * 256 if name == "answers" else 100
    assert peak < (200 + limit) * 1024


def test_a_time_limit_holds_while_a_file_prints_and_forks(tmp_path: Path) -> None:
    text = (
        "import os, time\nwhile True:\n    print('.', flush=True)\n    time.sleep(0.01)\n    os.fork() or os._exit(0)\n"
    )
    write(tmp_path, {"f.py": text})
    started = time.monotonic()
    _, found = peak_and_diagnostics(tmp_path, "f.py", "--timeout", "2")
    assert found[0]["code"] in ("FT121", "FT122") and time.monotonic() - started < 30


def test_devices_pipes_and_large_files_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "nowhere.py").symlink_to("absent")
    with open(tmp_path / "large.py", "wb") as file:
        file.truncate(1 << 40)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.path.relpath(tmp_path / "socket.py"))
    write(tmp_path, {"good.py": HEAD + flow("Good")})
    peak, found = peak_and_diagnostics(tmp_path, ".")
    listening.close()
    assert peak < 300 * 1024
    assert [(item["code"], item["severity"]) for item in found] == [("FT125", "warning")] * 5
    told = " ".join(str(item["message"]) for item in found)
    assert all(
        word in told for word in ("a device", "a pipe", "a socket", "No such file", "larger than 1,048,576 bytes")
    )
    _, named = peak_and_diagnostics(tmp_path, "zero.py", "pipe.py", "nowhere.py", "absent.py", "good.py")
    assert [(item["code"], item["severity"]) for item in named] == [("FT005", "error"), *[("FT125", "error")] * 3]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_limit_is_a_number_of_seconds(seconds: str, tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    done = triggers("check", ".", "--timeout", seconds, cwd=tmp_path)
    assert done.code == 2 and "--timeout" in done.err
