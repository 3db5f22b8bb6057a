"""Values: what a user wrote in a decorator, as text, JSON, cron expression or filter, each judged at its place.

In:   values as Python holds them, the path at which they stand in the decorator.
Out:  canonical text, or a diagnostic and None.

Not here: what the values mean together (`trigger`, `mapping`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .. import seams
from ..diagnostics import Diagnostic
from ..diagnostics.suggest import suggest
from ..language import filters
from ..model.flows import Filter, Span, Written
from ..model.flows import Places as WrittenPlaces
from ..model.settings import Settings
from . import recording
from .places import Places
from .source import SourceFile

if TYPE_CHECKING:
    from ..language import cron

Path = tuple[Any, ...]
W = TypeVar("W", bound=Written)


class Reader:
    """One flow being read: where its parts stand, and what was not understood."""

    def __init__(self, flow: Any, source: SourceFile, settings: Settings) -> None:
        self.flow = flow
        self.places = Places(flow.__class__, source)
        self.settings = settings
        self.project, self.branch = seams.current_project()
        self.diagnostics: list[Diagnostic] = []
        self.decorator: tuple[str, int] = ("trigger", 0)
        self.as_upstream = settings.compatibility == "upstream"

    def span(self, path: Path, key: bool = False) -> Span:
        """The place of a value of the decorator at work, or of its key."""
        return self.places.value(self.decorator, path, key)

    def report(
        self,
        code: str,
        message: str,
        path: Path,
        label: str = "",
        *,
        key: bool = False,
        helps: tuple[str, ...] = (),
        severity: str = "",
    ) -> None:
        """Report a mistake at a value of the decorator at work."""
        self.diagnostics.append(Diagnostic(code, message, self.span(path, key), label, helps=helps, severity=severity))

    @property
    def ignored(self) -> str:
        """The severity of what upstream ignores."""
        return "warning" if self.as_upstream else ""

    def read_cron(self, code: str, text: Any, path: Path, parse: Callable[[str], cron.Cron]) -> str | None:
        """The expression in its canonical spelling; None when it is none, which is reported at its characters."""
        if not isinstance(text, str):
            self.report(code, f"the cron expression of `{self.flow.name}` is {kind(text)}", path, "expected text")
            return None
        from ..language import cron

        try:
            return parse(text).text
        except cron.CronError as error:
            severity, helps = "", _meant_by(text, parse)
            if self.as_upstream and parse is cron.parse and _is_five(cron.cut_to_five_fields(text)):
                severity, helps = "warning", ("Metaflow gives Argo the first five fields, and so does this",)
            self.diagnostics.append(
                Diagnostic(
                    code,
                    f"the cron expression of `{self.flow.name}` is not understood: {error}",
                    _inside(self.span(path), text, error.position, error.length),
                    f"expected {error.expected}" if error.expected else "here",
                    helps=helps,
                    severity=severity,
                )
            )
            return text if severity else None

    def knows_timezone(self, code: str, name: Any, path: Path) -> bool:
        """Whether a timezone is known; it is reported where it is not."""
        from ..language import cron

        if isinstance(name, str) and cron.is_timezone(name):
            return True
        shown = repr(name) if isinstance(name, str) else kind(name)
        self.report(
            code,
            f"the timezone {shown} of `{self.flow.name}` is not known",
            path,
            "expected an IANA name such as 'Europe/Berlin'",
        )
        return False

    def read_filter(self, value: Any, path: Path) -> Filter | None:
        """None where there is none, or where it is not understood."""
        said = self.read_json(Filter, value, path)
        if said is None:
            return None
        found = filters.problems(said.plain())
        for problem in found:
            self.report(
                "FT116",
                f"in the filter of `{self.flow.name}`: {problem.message}",
                (*path, *problem.path),
                f"expected {problem.expected}",
                key=problem.key,
                helps=problem.helps,
            )
        return None if found else said

    def read_json(self, cls: type[W], value: Any, path: Path) -> W | None:
        """A dict of JSON values, with its places; None where there is none."""
        if value is None:
            return None
        try:
            if isinstance(value, dict) and is_plain(value):
                return cls(json_text(value), self.written(value, path))
        except (TypeError, ValueError, RecursionError):
            pass
        self.report(
            "FT102", f"`{path[-1]}` of `{self.flow.name}` is {kind(value)}, expected a dict of JSON values", path
        )
        return None

    def written(self, value: dict[str, Any], path: Path) -> WrittenPlaces:
        """Where a dict stands, the values in it, and in a dict in it keys and values."""
        found: list[tuple[tuple[str, ...], Span]] = [((), self.span(path))]
        for key, item in value.items():
            found.append(((key,), self.span((*path, key))))
            for inner in item if isinstance(item, dict) else ():
                found.append(((key, inner), self.span((*path, key, inner))))
                found.append(((key, inner, ""), self.span((*path, key, inner), key=True)))
        return tuple(found)

    def call(self, function: Any, path: Path) -> tuple[bool, Any]:
        """(whether a deploy-time function returned, what)."""
        recording.unsteady("a deploy-time function")
        try:
            return True, seams.evaluate(function, self.flow, self.settings.user)
        except (Exception, SystemExit) as error:  # user code may raise anything
            self.report(
                "FT110",
                f"a deploy-time function of `{self.flow.name}` raised {type(error).__name__}: {_first_line(error)}",
                path,
                "raised when it was called",
            )
            return False, None

    def returned(self, path: Path, value: Any, expected: str) -> None:
        """Report what a deploy-time function should not have returned."""
        self.report(
            "FT110",
            f"a deploy-time function of `{self.flow.name}` returned {kind(value)}, expected {expected}",
            path,
            f"returned {kind(value)}",
        )


def json_text(value: Any) -> str:
    """JSON, the same for equal values. Raises TypeError or ValueError for what is none."""

    # Integers and text only as dictionary keys would change in JSON; a user's dict must come back equal.
    def check(item: Any) -> None:
        if isinstance(item, dict):
            for key, inner in item.items():
                if not isinstance(key, str):
                    raise TypeError("keys are text")
                check(inner)
        elif isinstance(item, (list, tuple)):
            for inner in item:
                check(inner)

    check(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)


def is_text(text: str) -> bool:
    """Whether a text can be written and carried: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def is_plain(value: Any) -> bool:
    """Whether all text in a JSON value can be written and carried."""
    if isinstance(value, str):
        return is_text(value)
    if isinstance(value, dict):
        return all(is_text(key) and is_plain(item) for key, item in value.items())
    return not isinstance(value, (list, tuple)) or all(is_plain(item) for item in value)


def _inside(span: Span, text: str, position: int, length: int) -> Span:
    """The place of some characters of a text, when it is written as one plain literal."""
    if span.line != span.end_line or span.end_column - span.column != len(text) + 2:
        return span
    first = span.column + 1 + min(position, len(text))
    return Span(span.file, span.line, first, span.line, max(first + 1, min(first + length, span.end_column)))


def _is_five(text: str) -> bool:
    from ..language import cron

    try:
        cron.parse_five(text)
    except cron.CronError:
        return False
    return True


def _meant_by(text: str, parse: Callable[[str], cron.Cron]) -> tuple[str, ...]:
    """What somebody most likely meant who wrote five fields where AWS has six."""
    from ..language import cron

    if parse is not cron.parse or not _is_five(text):
        return ()
    return tuple(f"AWS writes it `{six}`" for six in cron.to_six_fields(text)[:1])


def kind(value: Any) -> str:
    """What a value is, for a sentence: `a list`."""
    if value is None:
        return "None"
    name = type(value).__name__
    return ("an " if name[0] in "aeiou" else "a ") + name


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "(no message)"


def did_you_mean(word: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Helps that name what is spelled alike."""
    return tuple(f"did you mean `{name}`?" for name in suggest(word, known))
