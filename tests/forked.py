"""Python commands as forks of one process that has imported what every command of Metaflow imports.

In:   the words after `python`, folder, environment, seconds.
Out:  exit code and both streams, as of a process of its own, without the half second in which boto3, Kubernetes' client
      and the like are imported.

Not here: our modules and Metaflow's; each command imports them, as both read settings and the command line at import.
What Python itself reads at its start (options before the script, `PYTHON...` variables) takes a process of its own.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

# What they are does not depend on who imports them.
LIBRARIES = ("asyncio", "boto3", "concurrent.futures.process", "jinja2", "jsonschema", "kubernetes.client")
LIBRARIES += ("multiprocessing.queues", "requests", "tarfile", "yaml")

# Of what Python reads at its start: what a fork can be told later, and what the process with the libraries has as well.
_TOLD_LATER = ("PYTHONDONTWRITEBYTECODE", "PYTHONUTF8")

_server: tuple[int, subprocess.Popen[bytes], Path] | None = None  # the process that started it, it, and its socket


def can(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a fork does what `python WORDS` does."""
    first = words[0] if words else "-"
    return (first == "-m" or not first.startswith("-")) and not any(
        name.startswith("PYTHON") and name not in _TOLD_LATER for name in environment
    )


def python(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """`python WORDS`, without input. Raises subprocess.TimeoutExpired; the command is ended then."""
    if can(words, environment):
        return _fork(words, folder, environment, seconds)
    return alone(words, folder, environment, seconds)


def alone(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """`python WORDS` in a process of its own: for who looks at what it imports."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _fork(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    with (
        socket.socket(socket.AF_UNIX) as connection,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        connection.connect(str(_started()))
        streams = array.array("i", [out.fileno(), err.fileno()])
        asked = json.dumps([list(words), str(folder), dict(environment)]).encode("utf-8", "surrogateescape") + b"\n"
        connection.sendmsg([asked[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.sendall(asked[1:])
        answers = connection.makefile()
        command = int(answers.readline())
        connection.settimeout(seconds)
        try:
            code = int(answers.readline())
        except TimeoutError:
            os.kill(command, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["python", *words], seconds) from None
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "backslashreplace"))
        return subprocess.CompletedProcess(["python", *words], code, texts[0], texts[1])


def _started() -> Path:
    global _server
    if _server is None or _server[0] != os.getpid():
        folder = Path(tempfile.mkdtemp())
        place = folder / "socket"
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        ready, inherited = os.pipe()
        process = subprocess.Popen(
            [sys.executable, __file__, str(place), str(inherited)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[inherited],
            env={**kept, "HOME": str(folder), "PYTHONUTF8": "1"},
        )
        os.close(inherited)
        assert os.read(ready, 1), "the process with the libraries has ended"
        os.close(ready)
        _server = (os.getpid(), process, place)
        atexit.register(_end, *_server)
    return _server[2]


def _end(starter: int, process: subprocess.Popen[bytes], place: Path) -> None:
    if os.getpid() == starter:
        process.terminate()
        process.wait()
        _forget(place)


# The process with the libraries ---------------------------------------------------------------------------------------


def serve(place: str, ready: int) -> None:
    """Fork for each connection, until it is ended, or who started it has been."""
    starter = os.getppid()
    for name in LIBRARIES:
        importlib.import_module(name)
    # It reads the environment when it is imported, and comes with the client.
    for name in [name for name in sys.modules if name.split(".")[:2] == ["kubernetes", "config"]]:
        del sys.modules[name]
    del sys.modules["kubernetes"].config  # type: ignore[attr-defined]
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(64)
        listener.settimeout(5)
        os.write(ready, b"1")
        os.close(ready)
        gc.collect()
        gc.freeze()
        while True:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                if os.getppid() != starter:
                    break
                continue
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()
    _forget(Path(place))


def _forget(place: Path) -> None:
    with contextlib.suppress(OSError):
        place.unlink()
        place.parent.rmdir()


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    first, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(8))
    out, err = array.array("i", ancillary[0][2])
    words, folder, environment = json.loads(first + connection.makefile("rb").readline())
    command = os.fork()
    if command == 0:
        connection.close()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        _be(words, folder, environment)
    connection.sendall(f"{command}\n".encode())
    _, status = os.waitpid(command, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _be(words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Be `python WORDS`; does not return."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    random.seed()
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    code = 1
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            sys.path[0] = folder
            del sys.modules["__main__"]
            sys.modules["__main__"] = types.ModuleType("__main__")
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            path = os.path.abspath(words[0])
            sys.argv = words
            sys.path[0] = os.path.dirname(os.path.realpath(path))
            main = types.ModuleType("__main__")
            main.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None)
            sys.modules["__main__"] = main
            exec(compile(Path(path).read_bytes(), path, "exec"), main.__dict__)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
