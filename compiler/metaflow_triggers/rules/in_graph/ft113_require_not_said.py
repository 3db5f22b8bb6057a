"""FT113: several dependencies without `require`."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ..find import Checked

SEVERITY = "note"
SOURCE = "semantics.md#2-trigger"
FINDS = """A trigger with several events or flows does not say whether any one of them starts the flow or all are
needed. The note says which was taken."""
WHY = "Several events mean *all* and several flows mean *any* by default: easy to take for one another."
BAD = "@trigger_on_finish(flows=['Left', 'Right'])"
GOOD = "@trigger_on_finish(flows=['Left', 'Right'], require='any')"


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, trigger in checked.triggers():
        count = len(trigger.dependencies)
        if count > 1 and not trigger.join_is_stated:
            kind = {"event": "events", "finish": "flows"}[trigger.kind]
            yield Diagnostic(
                "FT113",
                f"`{flow.name}` waits for {count} {kind} without `require`, taken as `{trigger.join}`",
                trigger.span,
                "any one of them starts a run" if trigger.join == "any" else "a run starts when all have come",
                helps=(f"write `require='{trigger.join}'` to say so",),
            )
