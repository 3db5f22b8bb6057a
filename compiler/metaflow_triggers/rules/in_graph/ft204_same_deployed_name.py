"""FT204: two flows would be deployed under one name."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model.facts import identity, qualified_name
from ...model.flows import Flow
from ..find import Checked

SOURCE = "semantics.md#8-names"
FINDS = "Two flows of the command have the same name, project and branch, or names that become the same deployed name."
WHY = "The second deployment would overwrite the first."
BAD = """
# flows/daily.py
class LoadFlow(FlowSpec): ...

# flows/hourly.py
class LoadFlow(FlowSpec): ...
"""
GOOD = """
# flows/daily.py
class DailyLoadFlow(FlowSpec): ...

# flows/hourly.py
class HourlyLoadFlow(FlowSpec): ...
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str, str], Flow] = {}
    for flow in checked.graph.flows:
        known = first.setdefault(identity(flow), flow)
        if known is not flow:
            yield Diagnostic(
                "FT204",
                f"two flows are `{qualified_name(identity(flow))}` and would be deployed under one name",
                flow.span,
                "would overwrite the other one",
                ((known.span, "defined here first"),),
                helps=("rename one of the two flows", "or compile only one of the two files"),
            )
