"""State machines: the step-by-step workflow of Step Functions as upstream's own compiler makes it, offline.

In:   the click state, settings, code package, options of `create`.
Out:  the state machine with its job definitions: see `docs/architecture.md`.

Not here: triggers. Upstream's class is subclassed and told nothing of them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

from metaflow_extensions.triggers.contract import words

from ..diagnostics import DiagnosticError
from ..model.settings import Settings, open_setting, task_environment
from . import poller_command, shell_words
from .code_package import CodePackage
from .compilers import Options, canonical, compiled
from .configuration import datastore_root
from .environment import (
    OfflineClients,
    RecordingBatch,
    attached,
    compile_errors,
    replaced,
    s3_datastore,
)
from .flows import current_project, first_step
from .key_case import spelling
from .shape import unknown_shape
from .upstream import Upstream

_PARTITION = open_setting("AwsPartition")  # upstream takes the partition from between two colons of a role


def workflow(obj: Any, settings: Settings, package: CodePackage, name: str, options: Options) -> Any:
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
    at_start: dict[str, str] = {}

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
            if node.name == first_step(self.graph):
                at_start.update(
                    poller_command.of_environment(
                        self.environment, node.name, store.TYPE, self.code_package_url, self.code_package_metadata
                    )
                )
            job.payload["jobDefinition"] = open_setting(f"JobDefinition.{node.name}")
            return job

        def _step_cli(self, node: Any, paths: Any, code_package_url: str, user_code_retries: int) -> str:
            command: str = super()._step_cli(node, paths, code_package_url, user_code_retries)
            return _step_functions_command(command, node.name)

    role = f"arn:{_PARTITION}:iam::0:role/unused"
    with (
        compile_errors(obj),
        package.parts.of_commands(store, obj.flow.name, None if package.blob is None else package.path),
        package.parts.of_files(store.TYPE),
        attached(obj, UPSTREAM.attaches, store),
        replaced(aws_client, cached_provider_class=OfflineClients(batch)),
        replaced(
            upstream,
            SFN_IAM_ROLE=role,
            SFN_DYNAMO_DB_TABLE=upstream.SFN_DYNAMO_DB_TABLE or open_setting("DynamoDbTable"),
            **spelling(upstream),
        ),
        replaced(upstream_batch, shlex=shell_words.module),
    ):
        made = compiled(
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
        definition = _standard_language(json.loads(made._workflow.to_json()))
    parts = {"definition": definition, "job_definitions": per_step, "at_start": at_start}
    code = {} if package.blob is None else {"code_package": package.path}
    return canonical(parts, _references(settings)) | code


def _add_environment(definition: dict[str, Any], settings: Settings) -> None:
    # In the job definition and not among a job's overrides, which Batch limits to 8,192 characters.
    told = task_environment(settings)
    if told:
        properties = definition.get("containerProperties", {})
        properties["environment"] = [{"name": name, "value": value} for name, value in told.items()]


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
    command, count = _SET_PARAMETERS.subn(f"python -m {words.LAUNCHER} step-functions -- ", command)
    if count != 1:
        raise DiagnosticError([unknown_shape("the start step exports its parameters in an unknown way")])
    # The launcher runs the flow file itself: it takes what follows the interpreter.
    return command.replace(f"{words.LAUNCHER} step-functions -- python ", f"{words.LAUNCHER} step-functions -- ", 1)


def _references(settings: Settings) -> Callable[[str], str]:
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

    return functools.cache(replace)  # a flow's steps have most of their texts in common


UPSTREAM = Upstream(
    workflow=workflow,
    group="step-functions",
    attaches=("batch",),
    bookkeeping="step_functions_internal",
    deployed_name="state_machine_name",
    token_rules=("metaflow.plugins.aws.step_functions.step_functions_cli", "StepFunctions"),
    private_names={
        "metaflow.plugins.aws.step_functions.step_functions": [
            "StepFunctions._compile",
            "StepFunctions._batch",
            "StepFunctions._step_cli",
            "StepFunctions._cron",
            "StepFunctions._process_parameters",
            "SFN_IAM_ROLE",
            "SFN_DYNAMO_DB_TABLE",
        ],
        "metaflow.plugins.aws.step_functions.step_functions_cli": [
            "resolve_token",
            "validate_token",
            "StepFunctions.get_existing_deployment",
        ],
        "metaflow.plugins.aws.aws_client": ["get_aws_client", "cached_provider_class"],
        "metaflow.metaflow_environment": [
            "MetaflowEnvironment.get_package_commands",
            "MetaflowEnvironment.bootstrap_commands",
            "MetaflowEnvironment.executable",
        ],
    },
)
