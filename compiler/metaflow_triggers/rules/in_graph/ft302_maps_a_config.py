"""FT302: a mapping sets a Config."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ..find import Checked

SOURCE = "semantics.md#2-trigger"
FINDS = "A mapping sets a `Config`."
WHY = "A Config is read when the flow is deployed; an event comes later."
BAD = """
@trigger(event={'name': 'signup', 'parameters': {'model': 'model'}})
class WelcomeFlow(FlowSpec):
    model = Config('model', default_value={})
"""
GOOD = """
@trigger(event={'name': 'signup', 'parameters': {'model': 'model'}})
class WelcomeFlow(FlowSpec):
    model = Parameter('model', type=JSONType, default='{}')
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, mapping in checked.mappings():
        parameter = {item.name: item for item in flow.parameters}.get(mapping.parameter)
        if parameter is not None and parameter.is_config:
            yield Diagnostic(
                "FT302",
                f"`{flow.name}` maps `{mapping.parameter}`, which is a Config",
                mapping.span,
                "a Config is read when the flow is deployed, before any event",
                ((parameter.span, "the Config"),),
                helps=(f"make `{mapping.parameter}` a Parameter, or remove it from the mapping",),
            )
