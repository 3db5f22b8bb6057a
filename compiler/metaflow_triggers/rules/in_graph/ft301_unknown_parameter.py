"""FT301: unknown parameter in a mapping."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...diagnostics.suggest import asked, closest, suggest
from ...model.facts import settable
from ..find import Checked

SOURCE = "semantics.md#2-trigger"
FINDS = "A mapping sets a parameter that the flow does not have. Names count as written, case included."
WHY = "The run would start without the value, or not at all."
BAD = """
@trigger(event={'name': 'signup', 'parameters': {'user': 'userId'}})
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id')
"""
GOOD = """
@trigger(event={'name': 'signup', 'parameters': {'user_id': 'userId'}})
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id')
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, mapping in checked.mappings():
        spans = {parameter.name: parameter.span for parameter in flow.parameters}
        if mapping.parameter in spans:
            continue
        names = settable(flow)
        near = suggest(mapping.parameter, names)
        shown = ", ".join(f"`{name}`" for name in names[:10]) + (", ..." if len(names) > 10 else "")
        yield Diagnostic(
            "FT301",
            f"`{flow.name}` maps parameter `{mapping.parameter}`, which it does not have",
            mapping.span,
            "no such parameter",
            tuple((spans[name], closest(near)) for name in near),
            (f"`{flow.name}` has {shown}" if names else f"`{flow.name}` has no parameters",),
            asked(near),
        )
