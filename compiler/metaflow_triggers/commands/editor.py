"""Editor: the files of the flows that an engine serves, read again when they change.

In:   what was read when the engine began; the stamps of its files.
Out:  which flows have changed since; new editions of all flows (`engine.editions`), with words for what has changed.

Not here: reading (a process of its own does it, `commands.read_again`), holding starts back. A file is changed when its
own stamp or that of a module is, which it imported from below the paths of the command; without --watch it is looked at
before something of it starts, with it every second, together with new and deleted files.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from ..engine.editions import Edition
from ..engine.polls.poller import Poller
from ..engine.waits import local_flow
from ..graph import differences
from ..model.facts import identity, qualified_name
from ..model.flows import Flow, PollTrigger, TriggerGraph
from ..model.serialize import from_json, to_json
from . import polls, read_again
from .watch import Watch

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 30.0
"""What could not be read is tried again then, whether or not its files have changed: a module may be there now."""
_MARGIN_NANOSECONDS = 50_000_000
"""File systems round the time of a change down."""

OPTIONS = (*read_again.OPTIONS, "watch")
"""The options of `run` that `read_again` needs."""

Stamp = tuple[int, int, int] | None


def stamp(path: str) -> Stamp:
    """What tells one state of a file from another; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True)
class Served:
    """Flows, poll triggers with the flow that each starts, and the modules that each file imported.

    `failed`: why a file cannot be read; `gone`: flows that are not in their file any more.
    """

    graph: TriggerGraph
    modules: Mapping[str, Sequence[str]]
    failed: Mapping[str, str]
    gone: Mapping[str, str]

    def held(self) -> frozenset[str]:
        """The flows that are not as they are served: their file cannot be read, or they are not in it any more."""
        return frozenset(_key(flow) for flow in self.graph.flows if flow.file in self.failed or _key(flow) in self.gone)

    def files(self) -> set[str]:
        """The files that are served."""
        return {flow.file for flow in self.graph.flows} | {poll.file for _, poll in self.graph.polls}


class Editor:
    """Of one engine, in whose thread it is used."""

    def __init__(self, options: dict[str, Any], served: Served, poller: Poller | None, *, begun_ns: int) -> None:
        """`options` are those of `commands.read_again`. `begun_ns`: when reading began (`time.time_ns`)."""
        self._options = options
        self._poller = poller
        self._watch = Watch(options["paths"]) if options["watch"] else None
        self._served = served
        self._stamps: dict[str, Stamp] = {}
        self._files_of: dict[str, frozenset[str]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: IO[bytes] | None = None
        self._begun_ns = 0
        self._changed: set[str] = set()
        self._next_look = 0.0
        self._tried_at = 0.0
        self._note(begun_ns)

    @property
    def graph(self) -> TriggerGraph:
        """The flows and polls as they are served."""
        return self._served.graph

    # what the engine asks -------------------------------------------------------------------------------------------

    def changed(self, keys: Collection[str]) -> set[str]:
        """Those of these flows of which a file is not as it was read."""
        seen: dict[str, bool] = {}
        return {key for key in keys if any(self._is_other(path, seen) for path in self._files_of.get(key, ()))}

    def read(self) -> None:
        """Begin to read what has changed, if that is not being done."""
        if self._process is not None:
            return
        seen: dict[str, bool] = {}
        self._changed = {
            file for file in self._served.files() if any(self._is_other(path, seen) for path in self._paths(file))
        }
        before = {
            file: [to_json(flow) for flow in self._served.graph.flows if flow.file == file] for file in self._known()
        }
        polled = {
            file: [to_json(poll) for _, poll in self._served.graph.polls if poll.file == file] for file in self._known()
        }
        told = {**self._options, "changed": sorted(self._changed), "before": before, "polls": polled}
        self._begun_ns, self._tried_at = time.time_ns(), time.monotonic()
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been read
        with tempfile.TemporaryFile() as question:
            question.write(json.dumps(told).encode())
            question.seek(0)
            with contextlib.suppress(OSError):  # no process, no memory: it is tried again
                self._process = subprocess.Popen(
                    [*read_again.COMMAND, str(self._answer.fileno())],
                    stdin=question,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(self._answer.fileno(),),
                    start_new_session=True,
                )

    def finished(self) -> Edition | None:
        """What was read, once."""
        if self._process is None:
            self._look()
            return None
        if self._process.poll() is None:
            return None
        answer = self._taken()
        before, changed, self._changed = self._served, self._changed, set()
        if answer is None or "refused" in answer:
            why = _why(answer)
            failed = {**before.failed, **dict.fromkeys(changed, why)}
            self._served = Served(before.graph, before.modules, failed, before.gone)
        else:
            self._served = _served(answer)
        self._note(self._begun_ns)
        good = changed - self._served.failed.keys()
        if self._poller is not None and answer is not None and "refused" not in answer:
            self._poller.poll_these(polls.polled(self._served.graph), good)
        return Edition(
            flows=tuple(local_flow(flow) for flow in self._served.graph.flows),
            held=self._served.held(),
            words=(*_words(before, self._served, changed), *(answer or {}).get("problems", [])),
        )

    def is_reading(self) -> bool:
        """Whether something is being read."""
        return self._process is not None

    def close(self) -> None:
        """Read no more."""
        if self._watch is not None:
            self._watch.stop()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    # stamps ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read again without being asked: what could not be read, and what is watched."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        if self._watch is not None and self._watch.has_changed():
            self.read()
        elif self._served.failed or self._served.gone:
            seen: dict[str, bool] = {}
            files = {*self._served.failed, *self._served.gone.values()}
            paths = [path for file in files for path in self._paths(file)]
            if now - self._tried_at > _AGAIN_SECONDS or any(self._is_other(path, seen) for path in paths):
                self.read()

    def _is_other(self, path: str, seen: dict[str, bool]) -> bool:
        if path not in seen:
            known = self._stamps.get(path)
            seen[path] = known is None or stamp(path) != known
        return seen[path]

    def _paths(self, file: str) -> Iterable[str]:
        return (os.path.abspath(file), *self._served.modules.get(file, ()))

    def _known(self) -> set[str]:
        return self._served.files()

    def _note(self, begun_ns: int) -> None:
        """Remember the files as they are. One that changed since reading began is read once more."""
        self._stamps = {}
        for file in self._served.files() | self._served.failed.keys():
            for path in self._paths(file):
                found = stamp(path)
                is_late = found is not None and found[0] >= begun_ns - _MARGIN_NANOSECONDS
                self._stamps[path] = None if is_late else found or (0, 0, 0)
        self._files_of = {}
        flows = self._served.graph.flows
        for number, flow in enumerate(flows):
            polled = [poll.file for target, poll in self._served.graph.polls if target == number]
            paths = (path for file in (flow.file, *polled) for path in self._paths(file))
            self._files_of[_key(flow)] = frozenset(paths)

    def _taken(self) -> dict[str, Any] | None:
        assert self._answer is not None
        with self._answer as answer:
            answer.seek(0)
            text = answer.read()
        self._process = self._answer = None
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            return None
        return found


def _why(answer: dict[str, Any] | None) -> str:
    """Why nothing could be read."""
    told = (answer or {}).get("refused")
    if not told:
        return "the process that reads it has ended without an answer"
    return f"{told[0]['code']}: {told[0]['message']}"


def _served(answer: dict[str, Any]) -> Served:
    flows = tuple(from_json(item) for item in answer["flows"])
    polled = tuple((target, from_json(item)) for target, item in answer["polls"])
    return Served(TriggerGraph(flows, (), (), (), polled), answer["modules"], answer["failed"], answer["gone"])


def _key(flow: Flow) -> str:
    return qualified_name(identity(flow))


# words ---------------------------------------------------------------------------------------------------------------


def _words(before: Served, after: Served, changed: Collection[str]) -> list[str]:
    """What has changed, file by file where nothing else is to be said."""
    said: list[str] = []
    touched: set[str] = set()
    files = {_key(flow): flow.file for flow in (*before.graph.flows, *after.graph.flows)}
    for change in differences.changes(before.graph.flows, after.graph.flows):
        touched.add(files.get(change.flow, ""))
        gone = f"{change.flow} is no longer in the files; what waits to start it stays"
        said.append(gone if change.kind == "flow-removed" else change.text)
    old, new = _polls(before.graph), _polls(after.graph)
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            said.append(f"poll trigger {name} is no longer in the files, and polled no more")
        elif name not in old:
            said.append(f"poll trigger {name} is new: it starts {new[name].flow} every {new[name].interval}")
        elif _meant(old[name]) != _meant(new[name]):
            said.append(
                f"poll trigger {name} is declared otherwise; it starts {new[name].flow} every {new[name].interval}"
            )
        else:
            continue
        touched.add((new.get(name) or old[name]).file)
    for file, why in sorted(after.failed.items()):
        if before.failed.get(file) != why:
            names = ", ".join(sorted(flow.name for flow in after.graph.flows if flow.file == file))
            wait = f"; starts of {names} wait until it can" if names else ""
            said.append(f"`{file}` cannot be read as it is now: {why}{wait}")
    for file in sorted(before.failed.keys() - after.failed.keys()):
        if file in after.files():
            said.append(f"`{file}` can be read again")
            touched.add(file)
    for key, file in sorted(after.gone.items()):
        touched.add(file)
        if key not in before.gone:
            said.append(f"{key} is not in `{file}` any more; its starts wait until it is")
    for key in sorted(before.gone.keys() - after.gone.keys()):
        said.append(f"{key} is in `{before.gone[key]}` again")
        touched.add(before.gone[key])
    for file in sorted(set(changed) - touched - after.failed.keys()):
        said.append(f"`{file}` or a module of it; what starts its flows has not")
    return said


def _polls(graph: TriggerGraph) -> dict[str, PollTrigger]:
    return {poll.name: poll for _, poll in graph.polls}


def _meant(poll: PollTrigger) -> Any:
    return {key: value for key, value in to_json(poll).items() if key not in ("span", "file")}
