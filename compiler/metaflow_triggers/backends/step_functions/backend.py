"""Backend: rules of EventBridge start a small state machine, which starts the flow's own.

In:   a flow of the trigger graph, what upstream's compiler made of its steps, settings.
Out:  one CloudFormation template per flow.

Not here: the work. `lower` decides, `assemble` lays out, `checks` looks at the result, `deploy` has the effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError
from ...diagnostics.ours import our_mistakes
from ...manifests.text import yaml_text
from ...model.flows import Flow, PollTrigger, TriggerGraph
from ...model.settings import Settings
from ..default_image import default_image
from ..shape import Manifest, Open, polls_of
from . import NAME
from .compile import assemble, names
from .compile import refusals as _refusals
from .compile.parameters import parameters
from .verify import read_back, template_checks

SCHEMA = "step_functions/template"


def deployed_name(flow: str, project: str | None, branch: str | None, settings: Settings) -> str:
    """The state machine's name; upstream's commands find the flow by it."""
    return names.deployed_name(flow, project, branch, settings)


def refusals(flow: Flow, graph: TriggerGraph, settings: Settings) -> list[Diagnostic]:
    """What AWS, or this version on AWS, cannot carry of the flow's triggers."""
    return [*_refusals.refusals(flow, settings), *_refusals.refused_polls(flow, polls_of(flow, graph), settings)]


def manifests(flow: Flow, graph: TriggerGraph, workflow: Any, settings: Settings) -> list[Manifest]:
    """The flow's template; without `workflow` its trigger objects alone, or nothing when it has none.

    `ours` is true for the trigger objects alone. Raises DiagnosticError (FT402, FT403, FT404, FT601).
    """
    found = template_checks.check_workflow(workflow, flow.name) if workflow is not None else []
    if found:
        raise DiagnosticError(found)
    polls = polls_of(flow, graph)
    content = assemble.template(flow, workflow, settings, polls)
    if content is None:
        return []
    text = yaml_text(content)
    found = mistakes(content, text, flow, settings, polls)
    if found:
        raise DiagnosticError(found)
    name = names.own_name(flow, settings)
    return [Manifest(f"{NAME}/{name}.yaml", content, SCHEMA, workflow is None, text)]


def mistakes(
    content: dict[str, Any], text: str, flow: Flow, settings: Settings, polls: Sequence[PollTrigger] = ()
) -> list[Diagnostic]:
    """What is wrong with a finished template: what AWS would take and not do, what the flow does not mean.

    `text`: as it is written, in YAML.
    """
    found = template_checks.check_template(content, text, flow.name)
    differences = read_back.differences(content, flow, settings, polls)
    return found + our_mistakes(f"the template of `{flow.name}`", differences)


def shared_manifests(settings: Settings) -> list[Manifest]:
    """None: every object belongs to one flow."""
    return []


def shared_remarks(settings: Settings, flows: Sequence[Flow]) -> list[Diagnostic]:
    """None, as there are no such objects."""
    return []


def folder_manifests(deployed_names: list[str], shared: bool) -> list[Manifest]:
    """None: a template stands alone."""
    return []


def trigger_part(template: dict[str, Any]) -> dict[str, Any]:
    """The trigger objects of a whole template."""
    return assemble.trigger_part(template)


def open_settings(manifests: Sequence[Manifest], settings: Settings) -> list[Open]:
    """The parameters that have no default and that a setting gives: those that `create` makes itself are none."""
    known = {item.name: item.setting for item in parameters(settings) if item.setting.startswith("METAFLOW_")}
    found: dict[str, Open] = {}
    for manifest in manifests:
        content = manifest.content if isinstance(manifest.content, dict) else {}
        for name, parameter in content.get("Parameters", {}).items():
            if name in known and "Default" not in parameter:
                found.setdefault(known[name], Open(known[name], f"the parameter `{name}`"))
    return [*found.values(), *default_image(image for manifest in manifests for image in _images(manifest.content))]


def _images(content: Any) -> Iterator[str]:
    """Of the job definitions of a template."""
    resources = content.get("Resources", {}) if isinstance(content, dict) else {}
    for item in resources.values():
        if item["Type"] == "AWS::Batch::JobDefinition":
            yield item["Properties"]["ContainerProperties"]["Image"]


def declared_polls(contents: Iterable[Any]) -> list[PollTrigger]:
    """The poll triggers that templates of one flow declare."""
    from .compile import poller

    return poller.declared_polls(contents)
