"""Read: a Metaflow flow object and its source file become a `Flow`.

In:   the flow object (as Metaflow's command line has prepared it, with project and branch known),
      its `SourceFile`, the settings.
Out:  `Flow` with every deploy-time function called, and the diagnostics of forms that are not understood.

Not here: judging a well-formed trigger (`check`), other flows (`link`), backends.
A malformed dependency is reported and left out, so that all mistakes of a file are told at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from . import seams
from .diagnostics import Diagnostic
from .model import (
    OUTCOMES,
    Constant,
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    Mapping,
    Parameter,
    PayloadField,
    Schedule,
    Span,
    Trigger,
)
from .settings import Settings
from .source import SourceFile
from .suggest import suggest

EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
FLOW_NAME = re.compile(r"[A-Za-z0-9_]{1,128}\Z")
_EVENT_KEYS = ("name", "parameters", "filter", "origin")
_FLOW_KEYS = ("name", "project", "project_branch", "match")
_OPTION_KEYS = ("reset_at", "join", "auto_map", "step-functions", "argo-workflows")
_ARGUMENTS = {
    "trigger": ("event", "events", "options", "require"),
    "trigger_on_finish": ("flow", "flows", "match", "require", "parameters", "filter", "options"),
}

Path = tuple[Any, ...]


def read_flow(flow: Any, source: SourceFile, settings: Settings) -> tuple[Flow, list[Diagnostic]]:
    """The flow's model and what could not be understood. Raises nothing for a user's mistake."""
    reader = _Reader(flow, source, settings)
    triggers = [
        trigger
        for name in ("trigger", "trigger_on_finish")
        for occurrence, decorator in enumerate(seams.flow_decorators(flow, name))
        if (trigger := reader.trigger(name, decorator, occurrence)) is not None
    ]
    return (
        Flow(
            name=flow.name,
            file=source.path,
            project=reader.project,
            branch=reader.branch,
            parameters=reader.parameters(),
            triggers=tuple(triggers),
            schedule=reader.schedule(),
            emits=source.emitted_events(flow.name, seams.namespace_prefix()),
            features=seams.features(flow),
            span=source.class_span(flow.name),
        ),
        reader.diagnostics,
    )


class _Reader:
    def __init__(self, flow: Any, source: SourceFile, settings: Settings) -> None:
        self.flow = flow
        self.source = source
        self.settings = settings
        self.project, self.branch = seams.current_project()
        self.diagnostics: list[Diagnostic] = []
        self._decorator = ("trigger", 0)

    # places ---------------------------------------------------------------------------------------------------------

    def span(self, path: Path, key: bool = False) -> Span:
        name, occurrence = self._decorator
        return self.source.locate(self.flow.name, name, path, occurrence=occurrence, key=key)

    def report(
        self, code: str, message: str, path: Path, label: str = "", *, key: bool = False, helps: tuple[str, ...] = ()
    ) -> None:
        self.diagnostics.append(Diagnostic(code, message, self.span(path, key), label, helps=helps))

    # parts of the flow ----------------------------------------------------------------------------------------------

    def parameters(self) -> tuple[Parameter, ...]:
        found = []
        for attribute, parameter in seams.flow_parameters(self.flow):
            kwargs = parameter.kwargs
            found.append(
                Parameter(
                    name=parameter.name,
                    type=_type_name(kwargs),
                    required=bool(kwargs.get("required", False)) and not parameter.IS_CONFIG_PARAMETER,
                    has_default=kwargs.get("default") is not None,
                    is_config=bool(parameter.IS_CONFIG_PARAMETER),
                    span=self.source.parameter_span(self.flow.name, attribute),
                )
            )
        return tuple(found)

    def schedule(self) -> Schedule | None:
        for decorator in seams.flow_decorators(self.flow, "schedule"):
            cron = getattr(decorator, "schedule", None)
            if cron is not None:
                span = self.source.decorator_span(self.flow.name, "schedule")
                return Schedule(cron=cron, timezone=getattr(decorator, "timezone", None), span=span)
        return None

    # triggers -------------------------------------------------------------------------------------------------------

    def trigger(self, name: str, decorator: Any, occurrence: int) -> Trigger | None:
        self._decorator = (name, occurrence)
        arguments = dict(getattr(decorator, "raw_arguments", None) or decorator.attributes)
        known = _ARGUMENTS[name]
        unknown = [key for key in arguments if key not in known]
        unknown += [key for key in getattr(decorator, "unknown_arguments", {}) if key not in unknown]
        for key in unknown:
            self.report(
                "FT112",
                f"`@{name}` of `{self.flow.name}` has no argument `{key}`",
                (key,),
                "not an argument",
                key=True,
                helps=_did_you_mean(key, known),
            )
        one, several = ("event", "events") if name == "trigger" else ("flow", "flows")
        items = self._items(name, arguments, one, several)
        if items is None:
            return None
        options = self._options(name, arguments.get("options"))
        read = self._event if name == "trigger" else self._finish_reader(arguments)
        dependencies: list[Dependency] = []
        for path, item in items:
            dependency = read(item, path)
            if dependency is not None:
                dependencies.append(dependency)
        if not dependencies:
            return None
        join, stated = self._join(name, arguments.get("require"), len(items))
        return Trigger(
            kind="event" if name == "trigger" else "finish",
            join=join,
            join_is_stated=stated,
            dependencies=tuple(dependencies),
            auto_map=options.get("auto_map") is True,
            options=_json_text(options),
            span=self.source.decorator_span(self.flow.name, name, occurrence),
        )

    def _items(self, name: str, arguments: dict[str, Any], one: str, several: str) -> list[tuple[Path, Any]] | None:
        single, many = arguments.get(one), arguments.get(several)
        has_one = single is not None
        has_many = many is not None and not (isinstance(many, (list, tuple)) and not many)
        if has_one == has_many:
            what = f"both `{one}` and `{several}`" if has_one else f"neither `{one}` nor `{several}`"
            self.report(
                "FT101",
                f"`@{name}` of `{self.flow.name}` has {what}",
                (several,) if has_one else (),
                "give exactly one of the two",
                helps=(f"write `@{name}({one}=...)` for one, `@{name}({several}=[...])` for several",),
            )
            return None
        if has_one:
            return [((one,), single)]
        if callable(many):
            called, many = self._call(many, (several,))
            if not called:
                return None
            if not isinstance(many, (list, tuple)):
                self._returned((several,), many, "a list")
                return None
            if not many:
                self._returned((several,), many, "a list with at least one element")
                return None
        if not isinstance(many, (list, tuple)):
            code = "FT102" if name == "trigger" else "FT108"
            self.report(
                code,
                f"`{several}=` of `{self.flow.name}` is {_kind(many)}, expected a list",
                (several,),
                "expected a list",
                helps=(f"write `{one}=...` for a single one",),
            )
            return None
        return [((several, index), item) for index, item in enumerate(many)]

    def _join(self, name: str, require: Any, count: int) -> tuple[str, bool]:
        if require is not None and require not in ("any", "all"):
            self.report(
                "FT106",
                f"`require={require!r}` of `{self.flow.name}` is not understood",
                ("require",),
                "expected 'any' or 'all'",
                helps=_did_you_mean(str(require), ("any", "all")) or ("write `require='any'` or `require='all'`",),
            )
            require = None
        if count == 1:
            return "any", True
        if require is not None:
            return require, True
        return ("all" if name == "trigger" else "any"), False

    def _options(self, name: str, options: Any) -> dict[str, Any]:
        if options is None:
            return {}
        if not isinstance(options, dict):
            self.report("FT107", f"`options=` of `{self.flow.name}` is {_kind(options)}, expected a dict", ("options",))
            return {}
        good = {}
        for key, value in options.items():
            path = ("options", key)
            if key not in _OPTION_KEYS:
                self.report(
                    "FT107",
                    f"`options` of `{self.flow.name}` has an unknown key {key!r}",
                    path,
                    "unknown key",
                    key=True,
                    helps=_did_you_mean(str(key), _OPTION_KEYS),
                )
                continue
            problem = _option_problem(key, value)
            if problem:
                self.report("FT107", f"option {key!r} of `{self.flow.name}` is not understood", path, problem)
                continue
            good[key] = value
        return good

    def _event(self, event: Any, path: Path) -> EventDependency | None:
        if callable(event):
            called, event = self._call(event, path)
            if not called:
                return None
            if not isinstance(event, (str, dict)):
                self._returned(path, event, "an event name or a dict")
                return None
        if isinstance(event, str):
            return self._event_named(event, {}, path, path)
        if not isinstance(event, dict):
            self.report(
                "FT102",
                f"an event of `{self.flow.name}` is {_kind(event)}",
                path,
                "expected a name, a dict with `name`, or a function that returns one of these",
            )
            return None
        for key in event:
            if key not in _EVENT_KEYS:
                self.report(
                    "FT103",
                    f"an event of `{self.flow.name}` has an unknown key {key!r}",
                    (*path, key),
                    "unknown key, it would have no effect",
                    key=True,
                    helps=_did_you_mean(str(key), _EVENT_KEYS),
                )
        if "name" not in event:
            self.report("FT102", f"an event of `{self.flow.name}` has no `name`", path, "expected a key `name`")
            return None
        name = event["name"]
        if callable(name):
            called, name = self._call(name, (*path, "name"))
            if not called:
                return None
            if not isinstance(name, str):
                self._returned((*path, "name"), name, "an event name")
                return None
        return self._event_named(name, event, (*path, "name"), path)

    def _event_named(self, name: Any, event: dict[str, Any], name_path: Path, path: Path) -> EventDependency | None:
        if not isinstance(name, str) or not EVENT_NAME.match(name):
            shown = repr(name) if isinstance(name, str) else _kind(name)
            self.report(
                "FT104",
                f"the event name {shown} of `{self.flow.name}` is not valid",
                name_path,
                "expected 1 to 128 letters, digits, `_`, `-` or `.`",
            )
            return None
        return EventDependency(
            name=name,
            mappings=self._mappings(event.get("parameters"), (*path, "parameters")),
            filter=self._json(event.get("filter"), (*path, "filter")),
            origin=self._json(event.get("origin"), (*path, "origin")),
            span=self.span(name_path),
        )

    def _finish_reader(self, arguments: dict[str, Any]) -> Callable[[Any, Path], FinishDependency | None]:
        match = self._match(arguments.get("match"), ("match",)) if "match" in arguments else None
        mappings = self._mappings(arguments.get("parameters"), ("parameters",))
        filter_text = self._json(arguments.get("filter"), ("filter",))

        def read(flow: Any, path: Path) -> FinishDependency | None:
            return self._finish(flow, path, match or ("success",), mappings, filter_text)

        return read

    def _finish(
        self, flow: Any, path: Path, match: tuple[str, ...], mappings: tuple[Mapping, ...], filter_text: str | None
    ) -> FinishDependency | None:
        if callable(flow):
            called, flow = self._call(flow, path)
            if not called:
                return None
            if not isinstance(flow, (str, dict)):
                self._returned(path, flow, "a flow name or a dict")
                return None
        project = branch = None
        name_path = path
        if isinstance(flow, str):
            name: Any = flow
            if flow.count(".") >= 2:
                project, rest = flow.split(".", 1)
                branch, name = rest.rsplit(".", 1)
        elif isinstance(flow, dict):
            for key in flow:
                if key not in _FLOW_KEYS:
                    self.report(
                        "FT103",
                        f"a flow that `{self.flow.name}` waits for has an unknown key {key!r}",
                        (*path, key),
                        "unknown key, it would have no effect",
                        key=True,
                        helps=_did_you_mean(str(key), _FLOW_KEYS),
                    )
            name, project, branch = flow.get("name"), flow.get("project"), flow.get("project_branch")
            name_path = (*path, "name")
            if "match" in flow:
                match = self._match(flow["match"], (*path, "match")) or match
            for key, value in (("project", project), ("project_branch", branch)):
                if value is not None and (not isinstance(value, str) or not value):
                    self.report(
                        "FT108", f"{key!r} of `{self.flow.name}` is {_kind(value)}, expected text", (*path, key)
                    )
                    return None
        else:
            self.report(
                "FT108",
                f"a flow that `{self.flow.name}` waits for is {_kind(flow)}",
                path,
                "expected a flow name, 'project.branch.Flow', a dict, or a function that returns one of these",
            )
            return None
        if not isinstance(name, str) or not FLOW_NAME.match(name):
            self.report(
                "FT108",
                f"`{self.flow.name}` waits for {name!r}, which is not the name of a flow",
                name_path,
                "expected `Flow` or `project.branch.Flow`",
            )
            return None
        project, branch = project or self.project, branch or self.branch
        if bool(project) != bool(branch):
            self.report(
                "FT115",
                f"`{self.flow.name}` waits for `{name}` of {'project' if project else 'branch'} "
                f"`{project or branch}`, but the {'branch' if project else 'project'} is not known",
                path,
                "would wait for a flow that is never deployed",
                helps=("write 'project.branch.Flow', or give both `project` and `project_branch`",),
            )
            return None
        return FinishDependency(
            flow=name,
            project=project,
            branch="prod" if branch == "production" else branch,
            match=match,
            mappings=mappings,
            filter=filter_text,
            span=self.span(name_path),
        )

    def _match(self, match: Any, path: Path) -> tuple[str, ...] | None:
        wanted = list(match) if isinstance(match, (list, tuple)) else [match]
        known = (*OUTCOMES, "finish")
        found: set[str] = set()
        for index, outcome in enumerate(wanted):
            if not isinstance(outcome, str) or outcome not in known:
                at = (*path, index) if isinstance(match, (list, tuple)) else path
                self.report(
                    "FT109",
                    f"`match={outcome!r}` of `{self.flow.name}` is not an outcome",
                    at,
                    f"expected one of {', '.join(known)}",
                    helps=_did_you_mean(str(outcome), known),
                )
                continue
            found.update(OUTCOMES if outcome == "finish" else (outcome,))
        if not wanted:
            self.report("FT109", f"`match=[]` of `{self.flow.name}` names no outcome", path, "would never start")
        return tuple(sorted(found)) or None

    # mappings -------------------------------------------------------------------------------------------------------

    def _mappings(self, parameters: Any, path: Path) -> tuple[Mapping, ...]:
        if callable(parameters):
            called, parameters = self._call(parameters, path)
            if not called:
                return ()
            if not isinstance(parameters, (dict, list, tuple)):
                self._returned(path, parameters, "a dict or a list")
                return ()
        if parameters is None:
            return ()
        if isinstance(parameters, dict):
            pairs = [(name, source, (*path, name), (*path, name)) for name, source in parameters.items()]
        elif isinstance(parameters, (list, tuple)):
            pairs = []
            for index, item in enumerate(parameters):
                at = (*path, index)
                if isinstance(item, str):
                    pairs.append((item, item, at, at))
                elif isinstance(item, (tuple, list)) and len(item) == 2:
                    pairs.append((item[0], item[1], (*at, 0), (*at, 1)))
                else:
                    self._bad_mapping(item, at)
        else:
            self._bad_mapping(parameters, path)
            return ()
        found = []
        for name, field, name_path, field_path in pairs:
            mapping = self._mapping(name, field, name_path, field_path)
            if mapping is not None:
                found.append(mapping)
        return tuple(found)

    def _mapping(self, name: Any, field: Any, name_path: Path, field_path: Path) -> Mapping | None:
        key = name_path == field_path
        if not isinstance(name, str) or not name:
            self._bad_mapping(name, name_path)
            return None
        if isinstance(field, str):
            if not field or not _is_text(field):
                self.report(
                    "FT111", f"parameter `{name}` of `{self.flow.name}` maps an impossible field {field!r}", field_path
                )
                return None
            return Mapping(name, PayloadField(field), self.span(name_path, key=key))
        if isinstance(field, dict) and set(field) == {"value"}:
            text = self._constant(name, field["value"], field_path)
            return None if text is None else Mapping(name, Constant(text), self.span(name_path, key=key))
        self._bad_mapping(field, field_path)
        return None

    def _constant(self, name: str, value: Any, path: Path) -> str | None:
        try:
            text = _json_text(value)
            plain = _is_text(text)
        except (TypeError, ValueError, RecursionError):
            plain = False
        if not plain:
            self.report(
                "FT307",
                f"the constant for parameter `{name}` of `{self.flow.name}` is not a JSON value",
                path,
                "expected text, a finite number, a boolean, a list or a dict of these",
            )
            return None
        if value is None:
            self.report(
                "FT307",
                f"the constant for parameter `{name}` of `{self.flow.name}` is null",
                path,
                "a parameter that gets nothing has its default: leave it out",
            )
            return None
        return text

    def _bad_mapping(self, found: Any, path: Path) -> None:
        self.report(
            "FT111",
            f"a parameter mapping of `{self.flow.name}` is {_kind(found)}",
            path,
            "not understood",
            helps=(
                "write {'flow_parameter': 'event_field'}, ['same_name', ('flow_parameter', 'event_field')],"
                " or {'flow_parameter': {'value': constant}}",
            ),
        )

    # values ---------------------------------------------------------------------------------------------------------

    def _json(self, value: Any, path: Path) -> str | None:
        if value is None:
            return None
        try:
            if isinstance(value, dict):
                return _json_text(value)
        except (TypeError, ValueError, RecursionError):
            pass
        self.report(
            "FT102", f"`{path[-1]}` of `{self.flow.name}` is {_kind(value)}, expected a dict of JSON values", path
        )
        return None

    def _call(self, function: Any, path: Path) -> tuple[bool, Any]:
        try:
            return True, seams.evaluate(function, self.flow, self.settings.user)
        except Exception as error:  # user code may raise anything
            self.report(
                "FT110",
                f"a deploy-time function of `{self.flow.name}` raised {type(error).__name__}: {_first_line(error)}",
                path,
                "raised when it was called",
            )
            return False, None

    def _returned(self, path: Path, value: Any, expected: str) -> None:
        self.report(
            "FT110",
            f"a deploy-time function of `{self.flow.name}` returned {_kind(value)}, expected {expected}",
            path,
            f"returned {_kind(value)}",
        )


def _option_problem(key: str, value: Any) -> str:
    if key == "auto_map" and not isinstance(value, bool):
        return "expected True or False"
    if key == "join" and value not in ("latest", "queue"):
        return "expected 'latest' or 'queue'"
    if key == "reset_at":
        if not isinstance(value, dict) or "cron" not in value or set(value) - {"cron", "timezone"}:
            return "expected {'cron': five fields, 'timezone': IANA name}"
    elif key in ("step-functions", "argo-workflows") and not isinstance(value, dict):
        return "expected a dict"
    try:
        _json_text(value)
    except (TypeError, ValueError, RecursionError):
        return "expected JSON values"
    return ""


def _type_name(kwargs: dict[str, Any]) -> str:
    kind = kwargs.get("type")
    if kind is None and not callable(kwargs.get("default")):
        kind = type(kwargs["default"]) if kwargs.get("default") is not None else str
    if kind is bool:
        return "bool"
    if kind is int:
        return "int"
    if kind is float:
        return "float"
    name = getattr(kind, "name", "")
    if name == "JSON" or kind in (dict, list):
        return "json"
    if type(kind).__name__ == "FilePathClass" or name == "FilePath":
        return "file"
    return "str"


def _json_text(value: Any) -> str:
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


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return ("an " if name[0] in "aeiou" else "a ") + name


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "(no message)"


def _did_you_mean(word: str, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"did you mean `{name}`?" for name in suggest(word, known))
