"""FT105: named twice in one trigger."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model.facts import wanted
from ...model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ...model.kinds import assert_never
from ..find import Checked

SOURCE = "semantics.md#2-trigger"
FINDS = """One trigger names the same event twice with the same filter and the same mapping, or the same flow twice for
an outcome that both cover; also when the names come from callables. One event may stand several times with other
filters or mappings: with *any* the first that it matches counts, with *all* it fills each. It has one `origin`."""
WHY = """The second of the two says nothing new: with *any* it never counts, with *all* the trigger waits for less than
it seems to."""
BAD = "@trigger(events=['data-ready', 'data-ready'], require='any')"
GOOD = "@trigger(event='data-ready')"


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, trigger in checked.triggers():
        yield from _named_twice(flow, trigger)


def _named_twice(flow: Flow, trigger: Trigger) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, ...], Dependency] = {}
    origins: dict[str, EventDependency] = {}
    for dependency in trigger.dependencies:
        if isinstance(dependency, EventDependency):
            known = origins.setdefault(dependency.name, dependency)
            if known.origin != dependency.origin:
                yield Diagnostic(
                    "FT105",
                    f"`{flow.name}` names event `{dependency.name}` twice in one trigger, with another `origin`",
                    dependency.span,
                    "the run could not tell which of the two an event is",
                    ((known.span, "first named here"),),
                    helps=("give one of the two another name",),
                )
                continue
        keys: list[tuple[str, ...]]
        helps = ["remove one of the two"]
        said = (repr(dependency.filter), *sorted(f"{item.parameter} {item.source!r}" for item in dependency.mappings))
        if isinstance(dependency, EventDependency):
            keys = [("event", dependency.name, *said)]
            what = f"event `{dependency.name}`"
            helps.append("or give one of them another `filter` or other `parameters`")
        elif isinstance(dependency, FinishDependency):
            keys = [("flow", *wanted(dependency), outcome, *said) for outcome in dependency.match]
            what = f"flow `{dependency.flow}`"
        else:
            assert_never(dependency)
        first = next((seen[key] for key in keys if key in seen), None)
        for key in keys:
            seen.setdefault(key, dependency)
        if first is not None:
            yield Diagnostic(
                "FT105",
                f"`{flow.name}` names {what} twice in one trigger, with the same filter and the same mapping",
                dependency.span,
                "named again",
                ((first.span, "first named here"),),
                helps=tuple(helps),
            )
