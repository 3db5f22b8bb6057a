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

from .. import seams
from ..diagnostics import Diagnostic
from ..diagnostics.suggest import suggest
from ..language import cron, filters
from ..model.flows import (
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
from ..model.settings import Settings
from .source import SourceFile

EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")
FLOW_NAME = re.compile(r"[A-Za-z0-9_]{1,128}\Z")
PROJECT_NAME = re.compile(r"[a-z0-9_-]{1,128}\Z")
BRANCH_NAME = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9_@+-]+(\.[A-Za-z0-9_@+-]+)*\Z")
"""What Metaflow's @project lets be (project_decorator.py), and hyphens; a user's name may be a mail address."""
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
    reader.check_compatibility()
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
        self.as_upstream = settings.compatibility == "upstream"

    # places ---------------------------------------------------------------------------------------------------------

    def span(self, path: Path, key: bool = False) -> Span:
        name, occurrence = self._decorator
        return self.source.locate(self.flow.name, name, path, occurrence=occurrence, key=key)

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
        self.diagnostics.append(Diagnostic(code, message, self.span(path, key), label, helps=helps, severity=severity))

    @property
    def _ignored(self) -> str:
        """The severity of what upstream ignores."""
        return "warning" if self.as_upstream else ""

    def check_compatibility(self) -> None:
        """METAFLOW_TRIGGERS_COMPAT has a known value; and what upstream refuses is refused where it is asked for."""
        value = self.settings.compatibility
        if value and value != "upstream":
            self.diagnostics.append(
                Diagnostic(
                    "FT007",
                    f"METAFLOW_TRIGGERS_COMPAT is {value!r}, which is not known",
                    helps=(*_did_you_mean(value, ("upstream",)), "set it to `upstream`, or unset it"),
                )
            )
        names = ("trigger", "trigger_on_finish")
        if self.as_upstream and all(seams.flow_decorators(self.flow, name) for name in names):
            self._decorator = ("trigger_on_finish", 0)
            self.report(
                "FT123",
                f"Metaflow refuses `{self.flow.name}`: @trigger and @trigger_on_finish on one flow",
                (),
                "METAFLOW_TRIGGERS_COMPAT=upstream asks for Metaflow's own rules",
                helps=("unset METAFLOW_TRIGGERS_COMPAT: both are then reasons to start",),
            )

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
        for occurrence, decorator in enumerate(seams.flow_decorators(self.flow, "schedule")):
            text = getattr(decorator, "schedule", None)
            if text is None:
                continue
            self._decorator = ("schedule", occurrence)
            zone = getattr(decorator, "timezone", None)
            parsed = self._cron("FT117", text, ("cron",), cron.parse)
            if zone is not None and not self._timezone("FT117", zone, ("timezone",)):
                return None
            if parsed is None:
                return None
            span = self.source.decorator_span(self.flow.name, "schedule", occurrence)
            return Schedule(cron=parsed, timezone=zone, span=span)
        return None

    def _cron(self, code: str, text: Any, path: Path, parse: Callable[[str], cron.Cron]) -> str | None:
        """The expression in its canonical spelling; None when it is none, which is reported at its characters."""
        if not isinstance(text, str):
            self.report(code, f"the cron expression of `{self.flow.name}` is {_kind(text)}", path, "expected text")
            return None
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

    def _timezone(self, code: str, name: Any, path: Path) -> bool:
        if isinstance(name, str) and cron.is_timezone(name):
            return True
        shown = repr(name) if isinstance(name, str) else _kind(name)
        self.report(
            code,
            f"the timezone {shown} of `{self.flow.name}` is not known",
            path,
            "expected an IANA name such as 'Europe/Berlin'",
        )
        return False

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
        auto_map = options.get("auto_map") is True
        if self.as_upstream and name == "trigger" and len(items) == 1 and not dependencies[0].mappings:
            auto_map = options.get("auto_map", True) is True
        return Trigger(
            kind="event" if name == "trigger" else "finish",
            join=join,
            join_is_stated=stated,
            dependencies=tuple(dependencies),
            auto_map=auto_map,
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
        return ("all" if name == "trigger" or self.as_upstream else "any"), False

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
            problem = _option_problem(key, value) or (_aws_problem(name, value) if key == "step-functions" else "")
            if problem:
                self.report("FT107", f"option {key!r} of `{self.flow.name}` is not understood", path, problem)
                continue
            if key == "reset_at" and not self._reset_at(value, path):
                continue
            good[key] = value
        return good

    def _reset_at(self, value: dict[str, Any], path: Path) -> bool:
        parsed = self._cron("FT107", value["cron"], (*path, "cron"), cron.parse_five)
        zone = value.get("timezone")
        good = zone is None or self._timezone("FT107", zone, (*path, "timezone"))
        return good and parsed is not None

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
                    severity=self._ignored,
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
            filter=self._filter(event.get("filter"), (*path, "filter")),
            origin=self._json(event.get("origin"), (*path, "origin")),
            span=self.span(name_path),
        )

    def _finish_reader(self, arguments: dict[str, Any]) -> Callable[[Any, Path], FinishDependency | None]:
        match = self._match(arguments.get("match"), ("match",)) if "match" in arguments else None
        mappings = self._mappings(arguments.get("parameters"), ("parameters",))
        filter_text = self._filter(arguments.get("filter"), ("filter",))

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
                        severity=self._ignored,
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
        for what, given, pattern in (("project", project, PROJECT_NAME), ("branch", branch, BRANCH_NAME)):
            if given is not None and not pattern.match(given):
                self.report(
                    "FT108",
                    f"`{self.flow.name}` waits for a flow of {what} {given!r}, which is not the name of a {what}",
                    path,
                    "no flow can be deployed there",
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
            branch="prod" if branch == "production" and not self.as_upstream else branch,
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
        if isinstance(parameters, tuple) and self.as_upstream:
            self.report(
                "FT111",
                f"a tuple of parameters of `{self.flow.name}` is dropped, as Metaflow does",
                path,
                "has no effect",
                helps=("write a list",),
                severity="warning",
            )
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
        if not isinstance(name, str) or not name or not _is_text(name):
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
            plain = _is_plain(value)
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

    def _filter(self, value: Any, path: Path) -> str | None:
        text = self._json(value, path)
        if text is None:
            return None
        found = filters.problems(json.loads(text))
        for problem in found:
            self.report(
                "FT116",
                f"in the filter of `{self.flow.name}`: {problem.message}",
                (*path, *problem.path),
                f"expected {problem.expected}",
                key=problem.key,
                helps=problem.helps,
            )
        return None if found else text

    def _json(self, value: Any, path: Path) -> str | None:
        if value is None:
            return None
        try:
            if isinstance(value, dict) and _is_plain(value):
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
        plain = _is_plain(value)
    except (TypeError, ValueError, RecursionError):
        plain = False
    return "" if plain else "expected JSON values"


_AWS_RANGES = {"retry": (0, 185), "maximum-event-age": (60, 86400)}
_AWS_BUS = re.compile(
    r"[A-Za-z0-9/_.-]{1,256}|arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/_.-]{1,256}"
)
_AWS_QUEUE = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")


def _aws_problem(decorator: str, value: dict[str, Any]) -> str:
    """What is wrong with `options={'step-functions': ...}` (limits: EventBridge's RetryPolicy and names)."""
    known = ("bus", "retry", "maximum-event-age", "dead-letter-queue")
    for key, item in value.items():
        if key not in known:
            return "; ".join([f"unknown key {key!r}", *_did_you_mean(str(key), known)])
        if key in _AWS_RANGES:
            low, high = _AWS_RANGES[key]
            if not isinstance(item, int) or isinstance(item, bool) or not low <= item <= high:
                return f"{key!r} takes an integer from {low} to {high}"
        elif key == "bus" and decorator == "trigger_on_finish":
            return "outcomes are on the default bus, whatever bus is named"
        elif key == "bus" and not (isinstance(item, str) and _AWS_BUS.fullmatch(item)):
            return "'bus' takes the name or the ARN of an event bus"
        elif key == "dead-letter-queue" and not (isinstance(item, str) and _AWS_QUEUE.fullmatch(item)):
            return "'dead-letter-queue' takes the ARN of a standard SQS queue"
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


def _is_plain(value: Any) -> bool:
    """Whether all text in a JSON value can be written and carried."""
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, dict):
        return all(_is_text(key) and _is_plain(item) for key, item in value.items())
    return not isinstance(value, (list, tuple)) or all(_is_plain(item) for item in value)


def _inside(span: Span, text: str, position: int, length: int) -> Span:
    """The place of some characters of a text, when it is written as one plain literal."""
    if span.line != span.end_line or span.end_column - span.column != len(text) + 2:
        return span
    first = span.column + 1 + min(position, len(text))
    return Span(span.file, span.line, first, span.line, max(first + 1, min(first + length, span.end_column)))


def _is_five(text: str) -> bool:
    try:
        cron.parse_five(text)
    except cron.CronError:
        return False
    return True


def _meant_by(text: str, parse: Callable[[str], cron.Cron]) -> tuple[str, ...]:
    """What somebody most likely meant who wrote five fields where AWS has six."""
    if parse is not cron.parse or not _is_five(text):
        return ()
    return tuple(f"AWS writes it `{six}`" for six in cron.to_six_fields(text)[:1])


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
