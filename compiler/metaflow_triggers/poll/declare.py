"""Declare: the decorator `trigger` and the triggers that files declare with it.

In:   a function without arguments, and what `trigger(...)` says of it.
Out:  the same function, and a `Declared` in the registry.

Not here: flows, intervals' meaning in time, polling. In a plain program a mistake raises. While one of our commands
reads a file (`collecting`), it is noted with its place instead, so that all mistakes of a file are told at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..diagnostics.suggest import did_you_mean
from .errors import PollError, PollTypeError, PollValueError
from .intervals import milliseconds

Function = TypeVar("Function", bound=Callable[..., Any])

LONGEST_NAME = 128
_KNOWN = ("workflow", "name", "poll_interval", "allow_concurrent", "on", "dedup", "dedup_keys")


@dataclass(frozen=True)
class Declared:
    """One declared trigger. `file` and `line` are where `trigger(...)` stands, as Python knows them.

    `dedup` is "active" (a context starts nothing while its run is active) or "once" (never again);
    `dedup_keys` are the keys of the context that count, or None for all.
    """

    name: str
    workflow: str
    interval: str
    interval_milliseconds: int
    allow_concurrent: bool
    dedup: str
    dedup_keys: tuple[str, ...] | None
    function: Callable[[], Any]
    file: str
    line: int

    @property
    def module(self) -> str:
        """The module that the function says it is of."""
        return str(getattr(self.function, "__module__", None) or "")

    @property
    def qualified_function(self) -> str:
        """The function's dotted name in its module."""
        return str(getattr(self.function, "__qualname__", "") or type(self.function).__qualname__)


@dataclass(frozen=True)
class Mistake:
    """A mistake in `trigger(...)`, where it stands, and the guilty argument (or "" for all of it)."""

    error: PollError
    file: str
    line: int
    argument: str = ""


@dataclass
class Collected:
    """What a file declares while it is read."""

    declared: list[Declared] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


_program = Collected()
_reading: Collected | None = None


def declared() -> tuple[Declared, ...]:
    """The triggers that this program has declared so far (outside of `collecting`)."""
    return tuple(_program.declared)


def is_reading() -> bool:
    """Whether one of our commands is reading a file just now."""
    return _reading is not None


@contextmanager
def collecting() -> Iterator[Collected]:
    """Gather what is declared inside, mistakes included, apart from the program's own triggers."""
    global _reading  # noqa: PLW0603
    before, _reading = _reading, Collected()
    try:
        yield _reading
    finally:
        _reading = before


def trigger(
    workflow: str | None = None,
    *,
    name: str | None = None,
    poll_interval: str = "5s",
    allow_concurrent: bool = False,
    **others: Any,
) -> Callable[[Function], Function]:
    """Poll the decorated function; when it returns `TriggerResult.fire()`, start `workflow`.

    Parameters
    ----------
    workflow : str
        The flow to start: its class name, else `file_processor` for `FileProcessor`. `on=` says the same.
    name : str, optional
        What the trigger is known by; the function's name by default.
    poll_interval : str
        From poll to poll: a whole number of ms, s, m or h.
    allow_concurrent : bool
        True: every fire starts a run. False: a fire starts nothing while the run of an equal context is active.
    dedup : str, optional
        "once": an equal context never starts a second run. "active" is the default.
    dedup_keys : list of str, optional
        Only these keys of the context decide whether two are equal.

    Raises
    ------
    PollError
        A TypeError or ValueError with a code; see `docs/diagnostics.md`, FT710 to FT717.
    """
    frame = sys._getframe(1)
    place = (frame.f_code.co_filename, frame.f_lineno)
    bare = callable(workflow)
    mistakes: list[tuple[str, PollError]] = []

    def noted(argument: str, error: PollError) -> None:
        mistakes.append((argument, error))

    wanted = _workflow(workflow, others, noted)
    length = _interval(poll_interval, noted)
    _options(name, allow_concurrent, others, noted)

    def decorate(function: Function) -> Function:
        problem = _not_pollable(function)
        if problem is not None:
            noted("", problem)
        called = name
        if called is None and problem is None:
            called = getattr(function, "__name__", None)
            if called is None or called == "<lambda>":
                noted("", PollValueError("FT711", "the trigger has no name", ("write name='...'",)))
        if mistakes:
            _refuse(mistakes, place)
        else:
            keys = others.get("dedup_keys")
            (_reading or _program).declared.append(
                Declared(
                    name=str(called),
                    workflow=wanted,
                    interval=poll_interval.strip(),
                    interval_milliseconds=length,
                    allow_concurrent=allow_concurrent,
                    dedup=others.get("dedup") or "active",
                    dedup_keys=None if keys is None else tuple(keys),
                    function=function,
                    file=place[0],
                    line=place[1],
                )
            )
        return function

    if bare:  # `@trigger` without parentheses: there is no second call
        _refuse(mistakes, place)
        return workflow  # type: ignore[return-value]
    if mistakes and _reading is None:
        _refuse(mistakes, place)
    return decorate


def _refuse(mistakes: list[tuple[str, PollError]], place: tuple[str, int]) -> None:
    if _reading is None:
        raise mistakes[0][1]
    _reading.mistakes.extend(Mistake(error, *place, argument) for argument, error in mistakes)
    mistakes.clear()


Noted = Callable[[str, PollError], None]


def _workflow(workflow: Any, others: dict[str, Any], noted: Noted) -> str:
    on = others.get("on")
    argument = "workflow" if workflow is not None else "on"
    wanted = workflow if workflow is not None else on
    help_ = ("write @trigger(workflow='MyFlow')",)
    if callable(wanted):
        noted("", PollTypeError("FT710", "`trigger` is written without its arguments", help_))
    elif wanted is None:
        noted("", PollTypeError("FT710", "the trigger says no workflow to start", help_))
    elif not isinstance(wanted, str):
        noted(argument, PollTypeError("FT710", f"the workflow is {wanted!r}; expected the name of a flow", help_))
    elif not wanted.strip() or len(wanted) > 3 * LONGEST_NAME:
        noted(argument, PollValueError("FT710", f"the workflow {wanted[:40]!r} is not the name of a flow", help_))
    elif workflow is not None and on is not None and on != workflow:
        noted("on", PollValueError("FT710", f"`workflow` is {workflow!r} and `on` is {on!r}", ("remove one of them",)))
    return wanted if isinstance(wanted, str) else ""


def _interval(text: Any, noted: Noted) -> int:
    try:
        return milliseconds(text)
    except TypeError as error:
        noted("poll_interval", PollTypeError("FT712", f"poll_interval: {error}"))
    except ValueError as error:
        noted("poll_interval", PollValueError("FT712", f"poll_interval: {error}"))
    return 0


def _options(name: Any, allow_concurrent: Any, others: dict[str, Any], noted: Noted) -> None:
    if name is not None:
        if not isinstance(name, str):
            noted("name", PollTypeError("FT711", f"the name of a trigger is text, not {name!r}"))
        elif not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name:
            noted(
                "name",
                PollValueError(
                    "FT711",
                    f"the name {name[:40]!r} of a trigger is not usable; expected 1 to {LONGEST_NAME} printable "
                    "characters without a slash, and without blanks around them",
                ),
            )
    if not isinstance(allow_concurrent, bool):
        noted("allow_concurrent", PollTypeError("FT714", f"allow_concurrent is {allow_concurrent!r}; expected a bool"))
    for key, value in others.items():
        if key in ("cron", "timezone"):
            error = PollTypeError(
                "FT715", f"a poll trigger takes no `{key}`", ("put Metaflow's @schedule(cron=...) on the flow",)
            )
            noted(key, error)
        elif key == "dedup" and value not in ("active", "once", None):
            noted(key, PollValueError("FT714", f"dedup is {value!r}; expected 'active' or 'once'"))
        elif key == "dedup_keys" and not _is_names(value):
            noted(key, PollTypeError("FT714", f"dedup_keys is {value!r}; expected a list of keys of the context"))
        elif key == "dedup" and value == "once" and allow_concurrent is True:
            what = "dedup='once' lets an equal context start one run, allow_concurrent=True each time a run"
            noted(key, PollValueError("FT714", what, ("remove one of them",)))
        elif key not in _KNOWN:
            noted(key, PollTypeError("FT714", f"a poll trigger takes no `{key}`", did_you_mean(key, _KNOWN)))


def _is_names(value: Any) -> bool:
    return value is None or (
        isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, str) for item in value)
    )


def _not_pollable(function: Any) -> PollError | None:
    """Why a value cannot be polled, or None."""
    if not callable(function) or inspect.isclass(function):
        what = "a class" if inspect.isclass(function) else repr(function)[:60]
        return PollTypeError("FT713", f"a trigger decorates a function, not {what}")
    shown = getattr(function, "__name__", "the function")
    call = function if inspect.isroutine(function) else type(function).__call__
    for tested in (function, call):
        if inspect.iscoroutinefunction(tested) or inspect.isasyncgenfunction(tested):
            return PollTypeError("FT713", f"`{shown}` is `async`; a poll is a plain function", ("write `def`",))
        if inspect.isgeneratorfunction(tested):
            return PollTypeError("FT713", f"`{shown}` has a `yield`; a poll returns a TriggerResult")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        return PollTypeError("FT713", f"`{shown}` cannot be called without arguments: {error}")
    except ValueError:
        pass  # a built-in function without a signature: the first poll tells
    return None
