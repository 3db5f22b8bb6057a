"""Document: the static part of the trigger document, `dependencies`.

In:   a flow.
Out:  a JSON value as docs/architecture.md shows it ("What travels into a run").

Not here: the events; the run adds them from its own Workflow object.
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.contract import trigger_document as contract

from ....graph import entries
from ....model.facts import filter_text, is_set
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from . import event_delivery, names
from .alike import Alike, alike, shared


def trigger_document(flow: Flow) -> dict[str, Any]:
    """Version and dependencies, in the order in which the user wrote them."""
    return contract.document(_dependencies(flow))


def set_document(flow: Flow, trigger: Trigger) -> dict[str, Any]:
    """The document of a set. Where an event may fill several of its dependencies, it says which are the set's."""
    before = flow.triggers[: flow.triggers.index(trigger)]
    set_at = sum(len(item.dependencies) for item in before) if shared(alike(trigger)) else None
    return contract.document(_dependencies(flow), set_at)


def _dependencies(flow: Flow) -> list[dict[str, Any]]:
    """Where one event may belong to several dependencies of an *any*, each says what makes it the one: its filter, the
    fields without which it does not start the flow, the name under which an event with an `origin` comes.
    """
    found = []
    for trigger in flow.triggers:
        for item, beside in zip(trigger.dependencies, alike(trigger), strict=True):
            apart = _told_apart(flow, trigger, item, beside) if beside.is_several and not is_set(trigger) else None
            if isinstance(item, EventDependency):
                found.append(entries.event_entry(trigger, item, apart))
            elif isinstance(item, FinishDependency):
                name = names.template_name(item.flow, item.project, item.branch)
                found.append(entries.finish_entry(trigger, item, name, apart))
            else:
                assert_never(item)
    return found


def _told_apart(flow: Flow, trigger: Trigger, item: Dependency, beside: Alike) -> dict[str, Any]:
    same_as = beside.name if isinstance(item, EventDependency) and item.name != beside.name else None
    return contract.telling_apart(filter_text(item), event_delivery.required_fields(flow, trigger, item), same_as)
