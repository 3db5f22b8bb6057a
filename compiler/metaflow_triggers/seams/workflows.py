"""Workflows: the step-by-step workflow as upstream's own compilers make it, offline.

In:   the click state, settings, code package, options of `create`.
Out:  the state machine with its job definitions, or the WorkflowTemplate: see `docs/architecture.md`.

Not here: triggers. Upstream's classes are subclassed and told nothing of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ..diagnostics import DiagnosticError
from ..model.settings import Settings, open_setting, task_environment
from . import shell_words
from .code_package import CodePackage
from .configuration import datastore_root
from .environment import (
    CanonicalEnvironment,
    OfflineClients,
    RecordingBatch,
    attached,
    datastore,
    replaced,
    s3_datastore,
    upstream_errors,
)
from .flows import current_project, features
from .kubernetes_models import lent
from .shape import unknown_shape

PRODUCTION_TOKEN = open_setting("ProductionToken")
_PARTITION = open_setting("AwsPartition")  # upstream takes the partition from between two colons of a role
_LAUNCHER = "metaflow_extensions.triggers.plugins.launcher"


def _add_environment(definition: dict[str, Any], settings: Settings) -> None:
    # In the job definition and not among a job's overrides, which Batch limits to 8,192 characters.
    told = task_environment(settings)
    if told:
        properties = definition.get("containerProperties", {})
        properties["environment"] = [{"name": name, "value": value} for name, value in told.items()]


class Options:
    """The options of upstream's `create` that change the workflow; the defaults are upstream's."""

    def __init__(self, **values: Any) -> None:
        self.tags: list[str] | None = list(values.get("tags") or []) or None
        self.aws_batch_tags: list[str] = list(values.get("aws_batch_tags") or [])
        self.namespace: str | None = values.get("user_namespace")
        self.max_workers: int = values.get("max_workers") or 100
        self.workflow_timeout: int | None = values.get("workflow_timeout")
        self.use_distributed_map: bool = bool(values.get("use_distributed_map"))
        self.compress_state_machine: bool = bool(values.get("compress_state_machine"))
        names = (
            "workflow_priority",
            "auto_emit_argo_events",
            "notify_on_error",
            "notify_on_success",
            "notify_slack_webhook_url",
            "notify_pager_duty_integration_key",
            "notify_incident_io_api_key",
            "incident_io_alert_source_config_id",
            "incident_io_metadata",
            "enable_heartbeat_daemon",
            "enable_error_msg_capture",
            "workflow_title",
            "workflow_description",
        )
        self.argo = {name: values[name] for name in names if name in values}
        self.argo.setdefault("auto_emit_argo_events", True)
        self.argo.setdefault("enable_error_msg_capture", True)
        self.argo.setdefault("enable_heartbeat_daemon", False)


def _compiled(
    compiler: type,
    name: str,
    obj: Any,
    *,
    settings: Settings,
    package: CodePackage,
    options: Options,
    store: Any,
    root: str,
    **own: Any,
) -> Any:
    """Upstream's compiler of one backend at work. `root` is where `store` lies; `own` is what only this one takes."""
    return compiler(
        name,
        obj.graph,
        obj.flow,
        package.metadata,
        package.sha,
        f"{root}/{package.path}",
        PRODUCTION_TOKEN,
        obj.metadata,
        store,
        CanonicalEnvironment(obj.environment, settings),
        obj.event_logger,
        obj.monitor,
        tags=options.tags,
        namespace=options.namespace,
        username=settings.user,
        max_workers=options.max_workers,
        workflow_timeout=options.workflow_timeout,
        **own,
    )


def step_functions_workflow(obj: Any, settings: Settings, package: CodePackage, name: str, options: Options) -> Any:
    """Upstream's state machine and job definitions: see `docs/architecture.md` for the shape.

    Raises DiagnosticError(FT123) with upstream's message when upstream refuses the flow.
    """
    from metaflow.plugins.aws import aws_client
    from metaflow.plugins.aws.aws_utils import validate_aws_tag
    from metaflow.plugins.aws.batch import batch as upstream_batch
    from metaflow.plugins.aws.step_functions import step_functions as upstream

    batch = RecordingBatch(settings.batch_platform)
    root = datastore_root(settings)
    store = s3_datastore(obj, root)
    batch_tags = dict(item.split("=", 1) for item in options.aws_batch_tags)
    for key, value in batch_tags.items():
        validate_aws_tag(key, value)
    per_step: dict[str, Any] = {}

    class OfflineStepFunctions(upstream.StepFunctions):  # type: ignore[misc]
        def _cron(self) -> None:
            return None  # the schedule is a trigger object of ours

        def _compile(self) -> Any:
            removed = {
                key: self.flow._flow_decorators.pop(key)
                for key in ("trigger", "trigger_on_finish")
                if key in self.flow._flow_decorators
            }
            try:
                return super()._compile()
            finally:
                self.flow._flow_decorators.update(removed)

        def _batch(self, node: Any) -> Any:
            before = len(batch.registered)
            job = super()._batch(node)
            if len(batch.registered) != before + 1:
                raise DiagnosticError([unknown_shape("a step registered no or several job definitions")])
            definition = dict(batch.registered[-1])
            definition.pop("jobDefinitionName", None)
            _add_environment(definition, settings)
            per_step[node.name] = definition
            job.payload["jobDefinition"] = open_setting(f"JobDefinition.{node.name}")
            return job

        def _step_cli(self, node: Any, paths: Any, code_package_url: str, user_code_retries: int) -> str:
            command: str = super()._step_cli(node, paths, code_package_url, user_code_retries)
            return _step_functions_command(command, node.name)

    role = f"arn:{_PARTITION}:iam::0:role/unused"
    with (
        upstream_errors(obj),
        attached(obj, ["batch"], store),
        replaced(aws_client, cached_provider_class=OfflineClients(batch)),
        replaced(
            upstream,
            SFN_IAM_ROLE=role,
            SFN_DYNAMO_DB_TABLE=upstream.SFN_DYNAMO_DB_TABLE or open_setting("DynamoDbTable"),
        ),
        replaced(upstream_batch, shlex=shell_words.module),
    ):
        compiled = _compiled(
            OfflineStepFunctions,
            name,
            obj,
            settings=settings,
            package=package,
            options=options,
            store=store,
            root=root,
            aws_batch_tags=batch_tags,
            is_project=bool(current_project()[0]),
            use_distributed_map=options.use_distributed_map,
            compress_state_machine=options.compress_state_machine,
        )
        definition = _standard_language(json.loads(compiled._workflow.to_json()))
    compiled_parts = {"definition": definition, "job_definitions": per_step}
    return _canonical(compiled_parts, _step_functions_settings(settings))


def _standard_language(value: Any) -> Any:
    """Upstream's definition in the spelling of the Amazon States Language specification; the meaning is the same.

    BackoffRate is a float, `$.['x']` is `$['x']` (JSONPath has no dot before a bracket), and an `Iterator` with a
    ProcessorConfig is an `ItemProcessor`. Validators refuse the other spellings.
    """
    if isinstance(value, list):
        return [_standard_language(item) for item in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for key, item in value.items():
        if key == "BackoffRate" and isinstance(item, int):
            out[key] = float(item)
        elif key.endswith(".$") and isinstance(item, str):
            out[key] = item.replace(".[", "[")
        elif key == "Iterator" and "ProcessorConfig" in item:
            out["ItemProcessor"] = _standard_language(item)
        else:
            out[key] = _standard_language(item)
    return out


_SET_PARAMETERS = re.compile(
    r"python -m metaflow\.plugins\.aws\.step_functions\.set_batch_environment parameters (\w+) && \. `pwd`/\1 && "
)
_PARENT_TASKS = re.compile(
    r"(python -m metaflow\.plugins\.aws\.step_functions\.set_batch_environment parent_tasks) (\w+) && \. `pwd`/\2"
)


def _step_functions_command(command: str, step: str) -> str:
    # Values are handed to Metaflow inside a process of ours (the launcher), never through a shell; and the
    # temporary file of a foreach join gets a fixed name in place of a random one (step_functions.py:1012).
    command = _PARENT_TASKS.sub(rf"\1 parent_tasks_of_{step} && . `pwd`/parent_tasks_of_{step}", command)
    if "set_batch_environment parameters" not in command:
        return command
    command, count = _SET_PARAMETERS.subn(f"python -m {_LAUNCHER} step-functions -- ", command)
    if count != 1:
        raise DiagnosticError([unknown_shape("the start step exports its parameters in an unknown way")])
    # The launcher runs the flow file itself: it takes what follows the interpreter.
    return command.replace(f"{_LAUNCHER} step-functions -- python ", f"{_LAUNCHER} step-functions -- ", 1)


def argo_workflow(obj: Any, settings: Settings, package: CodePackage, name: str, options: Options) -> Any:
    """Upstream's WorkflowTemplate: see `docs/architecture.md` for the shape.

    Raises DiagnosticError(FT123) with upstream's message when upstream refuses the flow.
    """
    from metaflow.plugins.argo import argo_workflows as upstream

    kind = obj.flow_datastore.TYPE if obj.flow_datastore.TYPE in ("s3", "azure", "gs") else "s3"
    root = datastore_root(settings) if kind == "s3" else obj.flow_datastore.datastore_root
    store = datastore(obj, kind, root)

    class OfflineArgoWorkflows(upstream.ArgoWorkflows):  # type: ignore[misc]
        def _process_triggers(self) -> Any:
            return [], None  # the Sensor is a trigger object of ours

        def _compile_sensor(self) -> None:
            return None

        def _compile_workflow_template(self) -> Any:
            # A jobset of @parallel is made of far more classes of the package `kubernetes`.
            with lent(needed="parallel" not in features(obj.flow)):
                return super()._compile_workflow_template()

        def _get_schedule(self) -> Any:
            return None, None

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
        upstream_errors(obj),
        attached(obj, ["kubernetes", "environment"], store),
        replaced(upstream, shlex=shell_words.module),
    ):
        compiled = _compiled(
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
        template = json.loads(json.dumps(compiled._workflow_template.to_json(), default=_plain))
    template = _canonical(_without_nulls(template), _argo_settings(settings))
    told = [{"name": name, "value": value} for name, value in task_environment(settings).items()]
    for entry in template["spec"].get("templates", []):
        container = entry.get("container")
        if container and container.get("command"):
            container["env"] = [*container.get("env", []), *told]
            container["command"] = [_argo_command(part) for part in container["command"]]
    return {"workflow_template": template}


_ARGO_PARAMETERS = re.compile(
    r"python -m metaflow\.plugins\.argo\.set_parameters (\w+) (?P<values>.*?) ?&& \. `pwd`/\1 && ", re.DOTALL
)
_ARGO_OPTION = re.compile(  # one for each parameter: Metaflow 2.19.0
    r" --(?P<name>[\w-]+)=\"\$\(python -m metaflow\.plugins\.argo\.param_val (?P<value>\{\{=toBase64\([^()]*\)\}\})\)\""
)
_ARGO_INIT = re.compile(r"(?P<before>>/dev/null 2>/dev/null); then \S+ (?P<rest>\S+ .*? init --run-id .*?); fi")


def _argo_command(command: str) -> str:
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
    launch = f"; then python -m {_LAUNCHER} argo-workflows {values + ' ' if values else ''}-- "
    command, count = _ARGO_INIT.subn(lambda found: f"{found['before']}{launch}{found['rest']}; fi", command, count=1)
    if count != 1:
        raise DiagnosticError([unknown_shape("the start step initialises the run in an unknown way")])
    return command


def _plain(value: Any) -> Any:
    to_dict = getattr(value, "to_dict", None)
    if to_dict is None:
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return to_dict()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _step_functions_settings(settings: Settings) -> Callable[[str], str]:
    """Text of a state machine with every setting as a reference, configured or not.

    A configured value becomes the reference that has this value, so the meaning stays; all settings
    then stand in one place, the template's Parameters.
    """
    exact = {
        value: open_setting(name)
        for value, name in (
            (settings.batch_job_queue, "BatchJobQueue"),
            (settings.batch_job_role, "BatchJobRoleArn"),
            (settings.fargate_execution_role, "FargateExecutionRoleArn"),
            (settings.dynamo_db_table, "DynamoDbTable"),
        )
        if value
    }
    # The decorator as upstream repeats it in every task's command: --with 'batch:queue=...,iam_role=...'.
    in_specs = [
        (re.compile(rf"(?<=[:,]{key}=){re.escape(value)}(?=[,'])"), open_setting(name))
        for key, value, name in (
            ("queue", settings.batch_job_queue, "BatchJobQueue"),
            ("iam_role", settings.batch_job_role, "BatchJobRoleArn"),
            ("execution_role", settings.fargate_execution_role, "FargateExecutionRoleArn"),
        )
        if value
    ]
    root = re.compile(re.escape(settings.datastore_s3) + r"(?=/|$)") if settings.datastore_s3 else None

    def replace(text: str) -> str:
        if text in exact:
            return exact[text]
        text = text.replace(_PARTITION, open_setting("AWS::Partition"))
        for pattern, reference in in_specs:
            text = pattern.sub(reference, text)
        return root.sub(lambda _: datastore_root(settings), text) if root else text

    return replace


def _argo_settings(settings: Settings) -> Callable[[str], str]:
    """Text of a WorkflowTemplate with the settings filled in that are configured."""
    if settings.datastore_s3 is None:
        return lambda text: text
    bucket, _, prefix = settings.datastore_s3.removeprefix("s3://").partition("/")
    known = ((open_setting("DatastoreBucket"), bucket), (open_setting("DatastorePrefix"), prefix))

    def replace(text: str) -> str:
        for placeholder, value in known:
            text = text.replace(placeholder, value)
        return text

    return replace


def _canonical(value: Any, replace: Callable[[str], str]) -> Any:
    """Every text through `replace`; METAFLOW_VERSION (which only people read) without the token, keys sorted."""
    if isinstance(value, dict):
        name = value.get("Name", value.get("name"))
        for key in ("Value", "value"):
            if name == "METAFLOW_VERSION" and isinstance(value.get(key), str):
                told = json.loads(value[key])
                told.pop("production_token", None)
                value = {**value, key: json.dumps(told, sort_keys=True)}
        return {key: _canonical(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item, replace) for item in value]
    return replace(value) if isinstance(value, str) else value
