"""Small flows for the tests of this folder. Lines are made up: each flow has a file of its own."""

from metaflow_triggers.model.flows import (
    Constant,
    EmittedEvent,
    Mapping,
    Schedule,
    Span,
)

from tests.flows import At, span


def mapped(file, line, pairs):
    return tuple(
        At(span(file, line, 20 + n)).mapping(name, source)
        if isinstance(source, str)
        else Mapping(name, Constant(source[0]), span(file, line, 20 + n))
        for n, (name, source) in enumerate(pairs)
    )


def event(name, *pairs, origin=None, filter=None):
    return lambda file, line: At(span(file, line, 10)).event(
        name, *mapped(file, line, pairs), filter=filter, origin=origin
    )


def finished(name, *pairs, match=("success",), project=None, branch=None):
    return lambda file, line: At(span(file, line, 10)).finish(
        name, *match, project=project, branch=branch, mappings=mapped(file, line, pairs)
    )


def parameter(name, **more):
    return lambda file, line: At(span(file, line)).parameter(name, **more)


def needed(name):
    return parameter(name, required=True)


def any_of(*dependencies, stated=True, auto_map=False, join="any"):
    def make(file, line):
        made = tuple(item(file, line + n) for n, item in enumerate(dependencies))
        return At(span(file, line)).trigger(*made, join=join, stated=stated or len(made) == 1, auto_map=auto_map)

    return make


def all_of(*dependencies, **words):
    return any_of(*dependencies, join="all", **words)


def flow(name, *triggers, parameters=(), emits=(), file=None, schedule=False, **more):
    file = file or f"{name}.py"
    return At(Span(file, 5, 7, 5, 8)).flow(
        name,
        *(item(file, 10 * (n + 1)) for n, item in enumerate(triggers)),
        parameters=tuple(item(file, 50 + n) for n, item in enumerate(parameters)),
        schedule=Schedule("0 0 * * ? *", None, span(file, 90)) if schedule else None,
        emits=tuple(EmittedEvent(text, span(file, 70 + n)) for n, text in enumerate(emits)),
        **more,
    )
