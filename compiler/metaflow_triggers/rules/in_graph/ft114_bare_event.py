"""FT114: a bare event sets no parameter."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model.facts import needed, settable
from ...model.flows import EventDependency
from ..find import Checked

SEVERITY = "note"
SOURCE = "semantics.md#2-trigger"
FINDS = "A flow with parameters waits for a single event without a mapping."
WHY = """Only what is written is mapped, so every parameter keeps its default in such a run. Upstream Metaflow maps all
parameters by name in this one case."""
BAD = """
@trigger(event='order-placed')
class OrderFlow(FlowSpec):
    order_id = Parameter('order_id', default='')
"""
GOOD = """
@trigger(event={'name': 'order-placed', 'parameters': ['order_id']})

# or, every parameter from the field of the same name:
@trigger(event='order-placed', options={'auto_map': True})
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, trigger in checked.triggers():
        if len(trigger.dependencies) != 1 or trigger.auto_map or needed(flow):
            continue  # of a parameter that needs a value FT304 tells
        dependency, names = trigger.dependencies[0], settable(flow)
        if isinstance(dependency, EventDependency) and not dependency.mappings and names:
            yield Diagnostic(
                "FT114",
                f"event `{dependency.name}` sets no parameter of `{flow.name}`",
                dependency.span,
                "every parameter keeps its default" if len(names) > 1 else f"`{names[0]}` keeps its default",
                helps=(
                    f"to map: `event={{'name': {dependency.name!r}, 'parameters': {names[:10]!r}}}`",
                    "to map every parameter by name: `options={'auto_map': True}`",
                ),
            )
