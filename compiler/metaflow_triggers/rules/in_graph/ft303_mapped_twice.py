"""FT303: a parameter is mapped twice."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model.flows import Mapping
from ..find import Checked

SOURCE = "semantics.md#2-trigger"
FINDS = """One event maps a parameter twice, or two dependencies of a trigger that needs *all* map the same one. Within
*any* each event starts a run of its own and may map the same parameter."""
WHY = "One of the two values would be lost, and nothing says which."
BAD = "@trigger(event={'name': 'signup', 'parameters': [('user_id', 'id'), ('user_id', 'userId')]})"
GOOD = "@trigger(event={'name': 'signup', 'parameters': [('user_id', 'userId')]})"


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, trigger in checked.triggers():
        mapped: dict[str, Mapping] = {}
        for dependency in trigger.dependencies:
            if trigger.join == "any":
                mapped = {}
            for mapping in dependency.mappings:
                first = mapped.setdefault(mapping.parameter, mapping)
                if first is not mapping:
                    yield Diagnostic(
                        "FT303",
                        f"`{flow.name}` maps parameter `{mapping.parameter}` twice",
                        mapping.span,
                        "mapped again, one of the two values would be lost",
                        ((first.span, "first mapped here"),),
                        helps=("remove one of the two",),
                    )
