"""FT305: a required parameter is left unfilled by @schedule."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model.facts import needed
from ..find import Checked

SOURCE = "semantics.md#6-values"
FINDS = "A flow with @schedule has a parameter that is required and has no default."
WHY = "A schedule gives no values, so no scheduled run could start."
BAD = """
@schedule(daily=True)
class ReportFlow(FlowSpec):
    day = Parameter('day', required=True)
"""
GOOD = """
@schedule(daily=True)
class ReportFlow(FlowSpec):
    day = Parameter('day', default='yesterday')
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow in checked.graph.flows:
        if flow.schedule is None:
            continue
        for parameter in needed(flow):
            yield Diagnostic(
                "FT305",
                f"@schedule of `{flow.name}` gives no value for the required parameter `{parameter.name}`",
                flow.schedule.span,
                "no scheduled run could start",
                ((parameter.span, "required, and without a default"),),
                helps=(f"give `{parameter.name}` a default",),
            )
