"""FT722: two poll triggers share a name."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...model.flows import PollTrigger
from ...model.names import poll_slug
from ..find import Checked

SOURCE = "poll-triggers.md#trigger"
FINDS = "Two triggers of the command have one name, or names that give their runs the same names."
WHY = "Their histories, and whether they are enabled, would be one."
BAD = """
@trigger(workflow='A', name='inbox')
def first(): ...

@trigger(workflow='B', name='inbox')
def second(): ...
"""
GOOD = """
@trigger(workflow='A', name='inbox-a')
def first(): ...

@trigger(workflow='B', name='inbox-b')
def second(): ...
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    slugs: dict[str, PollTrigger] = {}
    for _, poll in checked.graph.polls:
        first = slugs.setdefault(poll_slug(poll.name), poll)
        if first is not poll:
            same = first.name == poll.name
            yield Diagnostic(
                "FT722",
                f"two poll triggers are named `{poll.name}`"
                if same
                else f"the poll triggers `{first.name}` and `{poll.name}` would name their runs alike",
                poll.name_span or poll.span,
                "named again" if same else f"becomes `{poll_slug(poll.name)}`, as the other one does",
                ((first.name_span or first.span, "the other one"),),
                helps=("give one of them another name with name='...'",),
            )
