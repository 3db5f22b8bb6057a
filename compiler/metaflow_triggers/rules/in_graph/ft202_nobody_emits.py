"""FT202: no flow emits the event."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...diagnostics.suggest import asked, closest, suggest
from ..find import Checked, counted, shortened

SEVERITY = "warning"
SOURCE = "semantics.md#7-when-a-flow-starts"
FINDS = """A flow waits for an event that no flow of the command emits by a literal name, although the files emit others
or one with a close name. Where the files emit nothing and no name is close, it is a note. Calls of `emit_event` with a
computed name are not seen."""
WHY = "If nothing outside of these files publishes the event, the flow never starts."
BAD = """
emit_event('order-placed')             # in one flow

@trigger(event='orders-placed')        # on another
"""
GOOD = """
emit_event('order-placed')

@trigger(event='order-placed')
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    if not checked.project_wide:
        return
    graph = checked.graph
    emitted = {event.name: event.span for flow in reversed(graph.flows) for event in reversed(flow.emits)}
    near: dict[str, tuple[str, ...]] = {}
    from_elsewhere: set[str] = set()
    for number, dependency in graph.unemitted:
        name = dependency.name
        if name in checked.external_events:
            continue
        if name not in near:
            near[name] = suggest(name, emitted)
        if not near[name]:
            from_elsewhere.add(name)
            continue
        waiting = graph.flows[number]
        yield Diagnostic(
            "FT202",
            f"`{waiting.name}` waits for event `{name}`, which no flow of these files emits",
            dependency.span,
            f"without a publisher elsewhere `{waiting.name}` would never start",
            tuple((emitted[item], closest(near[name], "emitted")) for item in near[name]),
            (
                f"looked at {counted(len(graph.flows), 'flow')}, which emit {counted(len(emitted), 'event')} by a "
                "literal name",
            ),
            (*asked(near[name]), f"if it is published from elsewhere, add `--external-event {name}`"),
        )
    if from_elsewhere:
        # Most events come from outside, so those without a likely misspelling share one line.
        names = shortened([f"`{name}`" for name in sorted(from_elsewhere)])
        yield Diagnostic(
            "FT202",
            f"no flow of these files emits {', '.join(names)}: something else has to publish "
            f"{'it' if len(from_elsewhere) == 1 else 'them'}",
            helps=("name what is published from elsewhere with `--external-event`",),
            severity="note",
        )
