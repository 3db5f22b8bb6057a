"""Small flows for the tests of this folder. Lines are made up: each flow has a file of its own."""

from metaflow_triggers.model.flows import (
    Constant,
    EmittedEvent,
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


def span(file, line=1, column=1):
    return Span(file, line, column, line, column + 1)


def mapped(file, line, pairs):
    return tuple(
        Mapping(
            name, PayloadField(source) if isinstance(source, str) else Constant(source[0]), span(file, line, 20 + n)
        )
        for n, (name, source) in enumerate(pairs)
    )


def event(name, *pairs, origin=None):
    return lambda file, line: EventDependency(name, mapped(file, line, pairs), None, origin, span(file, line, 10))


def finished(name, *pairs, match=("success",), project=None, branch=None):
    return lambda file, line: FinishDependency(
        name, project, branch, match, mapped(file, line, pairs), None, span(file, line, 10)
    )


def parameter(name, required=False, has_default=False, is_config=False):
    return lambda file, line: Parameter(name, "str", required, has_default, is_config, span(file, line))


def needed(name):
    return parameter(name, required=True)


def any_of(*dependencies, stated=True, auto_map=False, join="any"):
    def make(file, line):
        made = tuple(item(file, line + n) for n, item in enumerate(dependencies))
        kind = "event" if made and isinstance(made[0], EventDependency) else "finish"
        return Trigger(kind, join, stated or len(made) == 1, made, auto_map, "{}", span(file, line))

    return make


def all_of(*dependencies, **words):
    return any_of(*dependencies, join="all", **words)


def flow(name, *triggers, parameters=(), emits=(), project=None, branch=None, file=None, schedule=False):
    file = file or f"{name}.py"
    return Flow(
        name=name,
        file=file,
        project=project,
        branch=branch,
        parameters=tuple(item(file, 50 + n) for n, item in enumerate(parameters)),
        triggers=tuple(item(file, 10 * (n + 1)) for n, item in enumerate(triggers)),
        schedule=Schedule("0 0 * * ? *", None, span(file, 90)) if schedule else None,
        emits=tuple(EmittedEvent(text, span(file, 70 + n)) for n, text in enumerate(emits)),
        features=(),
        span=span(file, 5, 7),
    )
