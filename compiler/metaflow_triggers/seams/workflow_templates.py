"""Workflow templates: the step-by-step workflow of Argo as upstream's own compiler makes it, offline.

In:   the click state, settings, code package, options of `create`.
Out:  the WorkflowTemplate: see `docs/architecture.md`.

Not here: triggers. Upstream's class is subclassed and told nothing of them.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from metaflow_extensions.triggers.contract import words

from ..diagnostics import DiagnosticError
from ..manifests import job_set
from ..model.settings import Settings, task_environment
from . import shell_words
from .code_annotation import in_one_field
from .code_package import CodePackage
from .compilers import Options, canonical, compiled
from .configuration import datastore_root
from .environment import attached, compile_errors, datastore, replaced
from .flows import features, first_step
from .key_case import spelling
from .kubernetes_models import lent
from .parts import filled_in
from .poller_command import packages_of
from .shape import unknown_shape
from .switch_regions import regions
from .upstream import Upstream


def workflow(obj: Any, settings: Settings, package: CodePackage, name: str, options: Options) -> Any:
    """Upstream's WorkflowTemplate: see `docs/architecture.md` for the shape.

    Raises DiagnosticError(FT123) with upstream's message when upstream refuses the flow.
    """
    from metaflow.plugins.argo import argo_workflows as upstream

    kind = obj.flow_datastore.TYPE if obj.flow_datastore.TYPE in ("s3", "azure", "gs") else "s3"
    root = datastore_root(settings) if kind == "s3" else obj.flow_datastore.datastore_root
    store = datastore(obj, kind, root)
    at_start: dict[str, str] = {}

    class OfflineArgoWorkflows(upstream.ArgoWorkflows):  # type: ignore[misc]
        def _process_triggers(self) -> Any:
            return [], None  # the Sensor is a trigger object of ours

        def _compile_sensor(self) -> None:
            return None

        def _compile_workflow_template(self) -> Any:
            at_start.update(packages_of(self.environment, first_step(self.graph), kind))
            # A jobset of @parallel is made of far more classes of the package `kubernetes`.
            with lent(needed="parallel" not in features(obj.flow)):
                return super()._compile_workflow_template()

        def _parse_conditional_branches(self) -> None:
            found = regions(self.graph, first_step(self.graph))
            self.conditional_nodes = set(found.conditional)
            self.conditional_join_nodes = set(found.meets.values())
            self.matching_conditional_join_dict = found.meets
            self.recursive_nodes = set(found.recursive)

        def _process_parameters(self) -> Any:
            schedule = self.flow._flow_decorators.pop("schedule", None)
            try:
                return super()._process_parameters()
            finally:
                if schedule is not None:
                    self.flow._flow_decorators["schedule"] = schedule

        def _base_kubernetes_annotations(self) -> dict[str, str]:
            annotations: dict[str, str] = super()._base_kubernetes_annotations()
            for key in ("metaflow/deployment_timestamp", "metaflow/production_token"):
                annotations.pop(key, None)
            return annotations

    with (
        compile_errors(obj),
        attached(obj, UPSTREAM.attaches, store),
        package.parts.of_files(kind),
        replaced(upstream, shlex=shell_words.module, **spelling(upstream)),
    ):
        made = compiled(
            OfflineArgoWorkflows,
            name,
            obj,
            settings=settings,
            package=package,
            options=options,
            store=store,
            root=root,
            **options.argo,
        )
        template = _plain(made._workflow_template.to_json())
    replace = functools.cache(filled_in(settings))  # a flow's steps have most of their texts in common
    template = canonical(template, replace)
    told = [{"name": name, "value": value} for name, value in task_environment(settings).items()]

    def change(container: dict[str, Any]) -> None:
        container["env"] = [*canonical(container.get("env", []), replace), *told]
        container["command"] = [_argo_command(part) for part in container["command"]]

    for entry in template["spec"].get("templates", []):
        if entry.get("container", {}).get("command"):
            change(entry["container"])
        if "manifest" in entry.get("resource", {}):  # the JobSet of a @parallel step
            entry["resource"]["manifest"] = job_set.with_containers(entry["resource"]["manifest"], change)
    return {
        "workflow_template": in_one_field(template, package.path, package.sha),
        "at_start": canonical(at_start, replace),
    }


_ARGO_PARAMETERS = re.compile(
    r"python -m metaflow\.plugins\.argo\.set_parameters (\w+) (?P<values>.*?) ?&& \. `pwd`/\1 && ", re.DOTALL
)
_ARGO_OPTION = re.compile(  # one for each parameter: Metaflow 2.19.0
    r" --(?P<name>[\w-]+)=\"\$\(python -m metaflow\.plugins\.argo\.param_val (?P<value>\{\{=toBase64\([^()]*\)\}\})\)\""
)
_ARGO_INIT = re.compile(r"(?P<before>>/dev/null 2>/dev/null); then \S+ (?P<rest>\S+ .*? init --run-id .*?); fi")


_ARGO_INPUTS = "python -m metaflow.plugins.argo.conditional_input_paths "


def _argo_command(command: str) -> str:
    command = command.replace(_ARGO_INPUTS, f"python -m {words.INPUT_PATHS} ")
    if " init --run-id " not in command:
        return command
    match = _ARGO_PARAMETERS.search(command)
    if match is not None:
        values = match["values"].strip()
        command = command[: match.start()] + command[match.end() :]
    else:
        values = " ".join(f"{option['name']},f,{option['value']}" for option in _ARGO_OPTION.finditer(command))
        command = _ARGO_OPTION.sub("", command)
    if "metaflow.plugins.argo.set_parameters" in command or "metaflow.plugins.argo.param_val" in command:
        raise DiagnosticError([unknown_shape("the start step exports its parameters in an unknown way")])
    launch = f"; then python -m {words.LAUNCHER} argo-workflows {values + ' ' if values else ''}-- "
    command, count = _ARGO_INIT.subn(lambda found: f"{found['before']}{launch}{found['rest']}; fi", command, count=1)
    if count != 1:
        raise DiagnosticError([unknown_shape("the start step initialises the run in an unknown way")])
    return command


_SCALARS = frozenset({str, int, float, bool, type(None)})


def _plain(value: Any) -> Any:
    """What reading `value` gives after writing it as JSON, without the keys whose value is null. In one pass: the
    template is what a flow has most of."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [item if type(item) is str else _plain(item) for item in value]
    if not isinstance(value, dict):
        return _plain(_other(value))
    made: dict[str, Any] = {}
    for key, item in value.items():
        if type(key) is not str:
            return _plain(_other(value))
        plain = item if type(item) is str else _plain(item)
        if plain is not None:
            made[key] = plain
    return made


def _other(value: Any) -> Any:
    """A value of a class that JSON knows by another name, or that says its own form."""
    to_dict = getattr(value, "to_dict", None)
    return json.loads(json.dumps(value, default=_said)) if to_dict is None else to_dict()


def _said(value: Any) -> Any:
    to_dict = getattr(value, "to_dict", None)
    if to_dict is None:
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return to_dict()


UPSTREAM = Upstream(
    workflow=workflow,
    group="argo-workflows",
    attaches=("kubernetes", "environment"),
    bookkeeping="argo_workflows_internal",
    deployed_name="workflow_name",
    token_rules=("metaflow.plugins.argo.argo_workflows_cli", "ArgoWorkflows"),
    token_prefix=lambda flow, deployed: flow,
    private_names={
        "metaflow.plugins.argo.argo_workflows_cli": [
            "resolve_token",
            "validate_token",
            "ArgoWorkflows.get_existing_deployment",
        ],
        "metaflow.plugins.argo.argo_workflows": [
            "ArgoWorkflows._process_triggers",
            "ArgoWorkflows._compile_sensor",
            "ArgoWorkflows._parse_conditional_branches",
            "ArgoWorkflows._process_parameters",
            "ArgoWorkflows._base_kubernetes_annotations",
            "ArgoWorkflows._compile_workflow_template",
        ],
    },
)
