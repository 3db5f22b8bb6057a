"""Read polls: the poll triggers that a file declares become `PollTrigger`s.

In:   what the file declared while it was imported (`poll.declare.Collected`), its module, its `SourceFile`.
Out:  `PollTrigger`s with spans, and diagnostics: mistakes of the declarations, and habits that surprise (FT720, FT721).

Not here: flows (`link` finds them), other files, calling a poll function.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..diagnostics import Diagnostic
from ..model.flows import PollTrigger, Span
from ..poll.declare import Collected, Declared, Mistake
from .source import SourceFile, shown_beside

_LABELS = {
    "FT710": "starts nothing",
    "FT711": "not a name",
    "FT712": "not an interval",
    "FT713": "cannot be polled",
    "FT714": "not understood",
    "FT715": "not an argument of a poll trigger",
}
_CLOCKS = {
    "time": ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    "datetime": ("now", "utcnow", "today"),
    "date": ("today",),
    "uuid": ("uuid1", "uuid4", "uuid7"),
    "random": ("random", "randint", "randrange", "getrandbits", "choice"),
    "secrets": ("token_hex", "token_urlsafe", "token_bytes"),
}
_BARE = {name for names in _CLOCKS.values() for name in names} - {"now", "today", "random", "choice"}


def read_polls(
    collected: Collected, module: ModuleType | None, source: SourceFile, path: str
) -> tuple[list[PollTrigger], list[Diagnostic]]:
    """The triggers that the file at `path` declares itself. Without `module`, nobody asks for the functions' names.

    `source` has the path that is shown, which may be relative to another folder than this process works in.
    """
    reader = _Reader(module, source, os.path.realpath(path))
    polls = [reader.poll(item) for item in collected.declared if reader.is_own(item)]
    found = [reader.mistake(item) for item in collected.mistakes if os.path.realpath(item.file) == reader.path]
    for item in collected.declared:
        found.extend(reader.remarks(item) if reader.is_own(item) else [reader.foreign(item)])
    return polls, found


class _Reader:
    def __init__(self, module: ModuleType | None, source: SourceFile, path: str) -> None:
        self.module = module
        self.source = source
        self.path = path

    def is_own(self, item: Declared) -> bool:
        """Whether the file itself declares the trigger; what it imports is told by the other file."""
        code = getattr(item.function, "__code__", None)
        files = {item.file, getattr(code, "co_filename", item.file)}
        return any(os.path.realpath(file) == self.path for file in files)

    def poll(self, item: Declared) -> PollTrigger:
        """The trigger as the model has it."""
        function = self._function_name(item)
        return PollTrigger(
            name=item.name,
            flow=item.workflow,
            interval_milliseconds=item.interval_milliseconds,
            allow_concurrent=item.allow_concurrent,
            span=self._span(item.line),
            file=self.source.path,
            function=f"{self.module.__name__}:{function}" if self.module is not None and function else "",
            interval=item.interval,
            dedup=item.dedup,
            dedup_keys=item.dedup_keys,
            flow_span=self._span(item.line, "workflow"),
            name_span=self._span(item.line, "name"),
        )

    def _function_name(self, item: Declared) -> str:
        """The name by which the module has the function (a decorator above `trigger` may have wrapped it), or ""."""
        known: dict[str, Any] = vars(self.module) if self.module is not None else {}
        for name in (item.qualified_function, *known):
            value = known.get(name)
            for _ in range(20):
                if value is item.function:
                    return name
                value = getattr(value, "__wrapped__", None)
                if value is None:
                    break
        return ""

    # places --------------------------------------------------------------------------------------------------------

    def _span(self, line: int, argument: str = "") -> Span:
        whole = self.source.call_span(line, "trigger")
        if not argument:
            return whole
        path: tuple[str | int, ...] = (argument,)
        span = self.source.call_span(line, "trigger", path)
        if span == whole and argument == "workflow":
            span = self.source.call_span(line, "trigger", ("on",))
            if span == whole:
                span = self.source.call_span(line, "trigger", (0,))
        return span

    def _node(self, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        return self.source.function_at(self.source.call_at(line, "trigger"))

    # findings ------------------------------------------------------------------------------------------------------

    def mistake(self, item: Mistake) -> Diagnostic:
        """A mistake of a declaration, where it stands."""
        node = self._node(item.line)
        of = f"`{node.name}`: " if node is not None else ""
        error = item.error
        return Diagnostic(
            error.code,
            of + error.message,
            self._span(item.line, item.argument),
            _LABELS.get(error.code, ""),
            helps=error.helps,
        )

    def foreign(self, item: Declared) -> Diagnostic:
        """A trigger of a file that this one imports. The project drops it when it is given that file too."""
        shown = shown_beside(self.source.path, self.path, item.file)
        return Diagnostic(
            "FT731",
            f"`{self.source.path}` imports poll trigger `{item.name}` from a file that was not named",
            Span(shown, item.line, 1, item.line, 1),
            "not polled by this command",
            helps=(f"name `{shown}` too",),
        )

    def remarks(self, item: Declared) -> Iterator[Diagnostic]:
        """FT716, FT720 and FT721 of one trigger."""
        if self.module is not None and not self._function_name(item):
            yield Diagnostic(
                "FT716",
                f"the function of poll trigger `{item.name}` has no name in its module",
                self._span(item.line),
                "could not be imported as `module:function`",
                helps=("define it at the top of the file, under a name of its own",),
            )
        node = self._node(item.line)
        if node is None:
            return
        if not item.allow_concurrent:
            yield from self._volatile_keys(item, node)
        for statement in ast.walk(node):
            if isinstance(statement, ast.Global):
                names = ", ".join(f"`{name}`" for name in statement.names)
                yield Diagnostic(
                    "FT721",
                    f"poll trigger `{item.name}` keeps {names} between polls in the memory of the process",
                    self.source.node_span(statement),
                    "lives as long as the process that polls this file",
                    notes=(
                        "it starts anew with each start of the engine",
                        *(
                            ()
                            if item.allow_concurrent
                            else ("a fire that is suppressed, as its run is active, has changed it already",)
                        ),
                    ),
                    helps=("keep what must last in a file or a database",),
                )

    def _volatile_keys(self, item: Declared, node: ast.AST) -> Iterator[Diagnostic]:
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or _last_name(call.func) != "Context" or not call.args:
                continue
            literal = call.args[0]
            if not isinstance(literal, ast.Dict):
                continue
            keys = [key.value for key in literal.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            volatile = [
                (key.value, clock)
                for key, value in zip(literal.keys, literal.values, strict=True)
                if isinstance(key, ast.Constant)
                and isinstance(key.value, str)
                and (item.dedup_keys is None or key.value in item.dedup_keys)
                and (clock := _clock_call(value)) is not None
            ]
            stable = [key for key in keys if key not in dict(volatile)]
            for key, clock in volatile:
                keep = f"to compare the others only: dedup_keys={stable!r}" if stable else ""
                yield Diagnostic(
                    "FT720",
                    f"poll trigger `{item.name}` fires a context that is new at every poll, so each fire starts a run",
                    self.source.node_span(clock),
                    f"`{key}` never repeats",
                    helps=(
                        *((keep,) if keep else ()),
                        f"leave `{key}` out: every run has `triggered_at`",
                        "if each fire shall start a run: allow_concurrent=True",
                    ),
                )


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _clock_call(value: ast.expr) -> ast.Call | None:
    """The first call in an expression that gives another value each time, as far as its name tells."""
    for node in ast.walk(value):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in _BARE:
            return node
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCKS.get(_last_name(node.func.value), ()):
            return node
    return None
