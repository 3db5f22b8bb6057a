"""FT304: a required parameter is left unfilled by a trigger."""

from collections.abc import Iterator

from metaflow_extensions.triggers.contract.trigger_document import OUTCOME_FIELDS

from ...diagnostics import Diagnostic
from ...diagnostics.suggest import suggest
from ...model import facts
from ...model.flows import Dependency, EventDependency, FinishDependency, Flow, Parameter, Trigger
from ...model.kinds import assert_never
from ..find import Checked

SOURCE = "semantics.md#6-values"
FINDS = """A parameter is required and has no default, and a trigger can start the flow without a value for it. Under
*any* each dependency has to map it, under *all* one of them."""
WHY = "No such start could run: the event would come and nothing would happen."
BAD = """
@trigger(event='signup')
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id', required=True)
"""
GOOD = """
@trigger(event={'name': 'signup', 'parameters': {'user_id': 'userId'}})
class WelcomeFlow(FlowSpec):
    user_id = Parameter('user_id', required=True)
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, trigger in checked.triggers():
        yield from _unfilled(flow, trigger)


def _unfilled(flow: Flow, trigger: Trigger) -> Iterator[Diagnostic]:
    needed = facts.needed(flow)
    fills = [_fills(trigger, dependency) for dependency in trigger.dependencies]
    meant = [_meant(flow, dependency) for dependency in trigger.dependencies]
    if trigger.join == "all":
        if None in fills:
            return
        together: set[str] = set().union(*(filled or () for filled in fills), *meant)
        for parameter in needed:
            if parameter.name not in together:
                yield _left_open(flow, trigger, None, parameter)
        return
    for dependency, filled, misspelt in zip(trigger.dependencies, fills, meant, strict=True):
        for parameter in needed:
            if filled is not None and parameter.name not in filled | misspelt:
                yield _left_open(flow, trigger, dependency, parameter)


def _fills(trigger: Trigger, dependency: Dependency) -> set[str] | None:
    """The parameters that a dependency fills; None for all of them."""
    filled = facts.mapped_parameters(dependency)
    if trigger.auto_map:
        if isinstance(dependency, EventDependency):
            return None
        if not isinstance(dependency, FinishDependency):
            assert_never(dependency)
        filled.update(OUTCOME_FIELDS)
    return filled


def _meant(flow: Flow, dependency: Dependency) -> set[str]:
    """The parameter that each misspelt mapping most likely means: FT301 tells of it, FT304 need not."""
    known = {item.name for item in flow.parameters}
    unknown = [item.parameter for item in dependency.mappings if item.parameter not in known]
    return {near[0] for near in (suggest(name, facts.settable(flow)) for name in unknown) if len(near) == 1}


def _left_open(flow: Flow, trigger: Trigger, dependency: Dependency | None, parameter: Parameter) -> Diagnostic:
    if isinstance(dependency, EventDependency):
        what, code = f"event `{dependency.name}`", repr(dependency.name)
        help_text = f"write {{'name': {code}, 'parameters': {{{parameter.name!r}: 'field of the event'}}}}"
    elif isinstance(dependency, FinishDependency):
        what = f"the end of `{dependency.flow}`"
        help_text = f"write `parameters={{{parameter.name!r}: 'run_id'}}` or another of {', '.join(OUTCOME_FIELDS)}"
    elif dependency is None:
        decorator = {"event": "trigger", "finish": "trigger_on_finish"}[trigger.kind]
        what, help_text = f"no dependency of @{decorator}", f"map `{parameter.name}` in one of them"
    else:
        assert_never(dependency)
    helps = [help_text]
    if isinstance(dependency, EventDependency) and len(trigger.dependencies) == 1 and not dependency.mappings:
        helps.append("or map every parameter by name: `options={'auto_map': True}`")
    helps.append(f"or give `{parameter.name}` a default")
    message = (
        f"{what} gives a value for the required parameter `{parameter.name}` of `{flow.name}`"
        if dependency is None
        else f"{what} starts `{flow.name}` without a value for its required parameter `{parameter.name}`"
    )
    return Diagnostic(
        "FT304",
        message,
        dependency.span if dependency else trigger.span,
        "such a run could not start",
        ((parameter.span, "required, and without a default"),),
        helps=tuple(helps),
    )
