"""Seams: the one module that touches Metaflow's private names.

In:   the click state of a `flow.py` command (`metaflow.cli.CliState`), a flow object.
Out:  configuration, the flow's parts as plain values, and the step-by-step
      workflow as upstream's own two compilers make it, offline.

Not here: what a trigger means, names of ours, files.
Each private name that is used stands in PRIVATE_NAMES with the file it lives in;
`tests/seams` holds that list against the installed Metaflow, and `check_shape`
turns a missing one into FT004 instead of a guess. Line numbers in comments: Metaflow 2.19.39.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

from .diagnostics import Diagnostic, DiagnosticError
from .settings import Settings, open_setting

PRIVATE_NAMES = {
    "metaflow.plugins.aws.step_functions.step_functions": [
        "StepFunctions._compile",
        "StepFunctions._step_cli",
        "StepFunctions._cron",
        "StepFunctions._process_parameters",
        "SFN_IAM_ROLE",
        "SFN_DYNAMO_DB_TABLE",
    ],
    "metaflow.plugins.aws.step_functions.step_functions_cli": ["resolve_token", "validate_token"],
    "metaflow.plugins.argo.argo_workflows_cli": ["resolve_token", "validate_token"],
    "metaflow.plugins.argo.argo_workflows": [
        "ArgoWorkflows._process_triggers",
        "ArgoWorkflows._compile_sensor",
        "ArgoWorkflows._get_schedule",
        "ArgoWorkflows._base_kubernetes_annotations",
        "ArgoWorkflows._compile_workflow_template",
    ],
    "metaflow.plugins.aws.aws_client": ["get_aws_client", "cached_provider_class"],
    "metaflow.decorators": ["_attach_decorators", "_process_late_attached_decorator"],
    "metaflow.flowspec": ["FlowSpec._get_parameters", "FlowSpec._flow_decorators", "FlowSpec._init_graph"],
    "metaflow.packaging_sys.tar_backend": ["TarPackagingBackend"],
    "metaflow.metaflow_config_funcs": ["from_conf"],
    "metaflow.datastore.flow_datastore": ["FlowDataStore"],
}

_BUCKET = f"s3://{open_setting('DatastoreBucket')}"

PRODUCTION_TOKEN = open_setting("ProductionToken")
_PARTITION = open_setting("AwsPartition")  # upstream takes the partition from between two colons of a role
_DEFAULT_USER = "nobody"
_LAUNCHER = "metaflow_extensions.triggers.plugins.launcher"


def check_shape() -> None:
    """Raise DiagnosticError(FT004) if the installed Metaflow lacks a name that we build on."""
    missing = []
    for module_name, names in PRIVATE_NAMES.items():
        try:
            module: Any = importlib.import_module(module_name)
        except ImportError:
            missing.append(module_name)
            continue
        for name in names:
            target = module
            for part in name.split("."):
                target = getattr(target, part, _MISSING)
                if target is _MISSING:
                    missing.append(f"{module_name}.{name}")
                    break
    if missing:
        raise DiagnosticError([_unknown_shape(f"it has no {', '.join(missing)}")])


_MISSING = object()


def _unknown_shape(what: str) -> Diagnostic:
    import metaflow

    return Diagnostic(
        "FT004",
        f"metaflow-triggers does not know the shape of Metaflow {getattr(metaflow, '__version__', '?')}",
        notes=(what,),
        helps=("install a supported Metaflow (2.19), or a newer metaflow-triggers",),
    )


# Configuration -------------------------------------------------------------------------------------------------------


def configured(name: str, default: Any = None) -> Any:
    """A METAFLOW_* setting as the user configured it (environment or configuration file), else the default."""
    from metaflow.metaflow_config_funcs import from_conf

    return from_conf(name, default)


def read_settings(*, production: bool = False, code_package: bool = True, user: str | None = None) -> Settings:
    """All that configuration gives, once. `user` overrides METAFLOW_USER (`create` deploys as the real user)."""
    import metaflow

    configured_user = user or configured("USER")
    namespace = configured("KUBERNETES_NAMESPACE", "default")
    event_source = configured("ARGO_EVENTS_EVENT_SOURCE")
    return Settings(
        user=configured_user or _DEFAULT_USER,
        user_is_configured=bool(configured_user),
        production=production,
        metaflow_version=metaflow.__version__,
        code_package=code_package,
        datastore_s3=_without_slash(configured("DATASTORE_SYSROOT_S3")),
        batch_job_queue=configured("BATCH_JOB_QUEUE"),
        batch_job_role=configured("ECS_S3_ACCESS_IAM_ROLE"),
        fargate_execution_role=configured("ECS_FARGATE_EXECUTION_ROLE"),
        batch_platform=configured("TRIGGERS_BATCH_PLATFORM", "EC2"),
        state_machine_role=configured("SFN_IAM_ROLE"),
        events_role=configured("EVENTS_SFN_ACCESS_IAM_ROLE"),
        dynamo_db_table=configured("SFN_DYNAMO_DB_TABLE"),
        state_machine_prefix=configured("SFN_STATE_MACHINE_PREFIX"),
        event_bus=configured("TRIGGERS_EVENT_BUS", "default"),
        event_source=configured("TRIGGERS_EVENT_SOURCE", "metaflow"),
        kubernetes_namespace=namespace,
        workflow_service_account=configured("KUBERNETES_SERVICE_ACCOUNT"),
        argo_event=configured("ARGO_EVENTS_EVENT", "metaflow-event"),
        argo_event_source=event_source or "metaflow-triggers",
        argo_event_source_is_ours=not event_source,
        argo_event_bus=configured("ARGO_EVENTS_EVENT_BUS", "default"),
        argo_sensor_namespace=configured("ARGO_EVENTS_SENSOR_NAMESPACE", namespace),
        argo_sensor_service_account=configured("ARGO_EVENTS_SERVICE_ACCOUNT"),
        argo_webhook_url=configured("ARGO_EVENTS_INTERNAL_WEBHOOK_URL") or configured("ARGO_EVENTS_WEBHOOK_URL"),
        argo_webhook_secret=configured("TRIGGERS_WEBHOOK_SECRET", "metaflow-triggers-webhook"),
    )


def _without_slash(root: str | None) -> str | None:
    return root.rstrip("/") if root else None


def datastore_root(settings: Settings) -> str:
    """What stands for the S3 datastore root while upstream compiles: a bucket, and a prefix unless it has none."""
    if settings.datastore_s3 and "/" not in settings.datastore_s3.removeprefix("s3://"):
        return _BUCKET
    return f"{_BUCKET}/{open_setting('DatastorePrefix')}"


# Is the command ours? ------------------------------------------------------------------------------------------------


def prove_in_charge() -> None:
    """Raise DiagnosticError(FT001) unless the decorators that Metaflow uses are ours.

    Metaflow ignores an extension whose plugins module fails (extension_support/plugins.py:70-75), and the last
    extension to define a name wins (:79-86): either way a flow would silently deploy without its triggers.
    """
    from metaflow import plugins

    wanted = {
        "FLOW_DECORATORS": ("trigger", "trigger_on_finish", "project"),
        "STEP_DECORATORS": ("step_functions_internal", "argo_workflows_internal"),
    }
    foreign = []
    for category, names in wanted.items():
        registered = {cls.name: cls for cls in getattr(plugins, category)}
        for name in names:
            cls = registered.get(name)
            if cls is None or not any(_is_ours(base) for base in cls.__mro__):
                where = "nothing" if cls is None else f"{cls.__module__}.{cls.__qualname__}"
                foreign.append(f"`{name}` is {where}")
    if foreign:
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT001",
                    "metaflow-triggers is installed but not in charge, so triggers would not be deployed as written",
                    notes=tuple(foreign),
                    helps=("run `python -c 'import metaflow'` and look for a warning that plugins did not load",),
                )
            ]
        )


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("metaflow_extensions.triggers.")


# The flow ------------------------------------------------------------------------------------------------------------


def flow_decorators(flow: Any, name: str) -> list[Any]:
    """The decorator instances of that name on the flow (flowspec.py:336)."""
    return list(flow._flow_decorators.get(name) or [])


def flow_parameters(flow: Any) -> list[tuple[str, Any]]:
    """(attribute, Parameter or Config) in Metaflow's order (flowspec.py:556)."""
    return list(flow._get_parameters())


def current_project() -> tuple[str | None, str | None]:
    """Project and branch that `@project` computed for this command, or (None, None)."""
    from metaflow import current

    return current.get("project_name", None), current.get("branch_name", None)


def namespace_prefix() -> str:
    """What `namespaced_event_name` puts before an event name in the flow at work."""
    from metaflow.plugins.namespaced_events import namespaced_event_name

    return str(namespaced_event_name("")())


def evaluate(function: Callable[..., Any], flow: Any, user: str) -> Any:
    """Call a deploy-time function of a trigger as upstream would, with a context that also has `user`.

    A function that takes no argument (as `namespaced_event_name('x')` needs none) is called without one.
    """
    import inspect

    from metaflow import parameters

    context = _Context(_parameter_context(parameters, flow, user))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function(context)
    try:
        signature.bind(context)
    except TypeError:
        signature.bind()
        return function()
    return function(context)


class _Context:
    """Upstream's ParameterContext (parameters.py) with `user`, the same as `user_name`."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        return f"ParameterContext({self.__dict__!r})"


def _parameter_context(parameters: Any, flow: Any, user: str) -> dict[str, Any]:
    threadlocal = getattr(parameters, "context_proto", None)
    fields = dict(threadlocal._asdict()) if threadlocal is not None else {"flow_name": flow.name}
    fields.update(user_name=user, user=user, parameter_name=None)
    return fields


def features(flow: Any) -> tuple[str, ...]:
    """What a backend may have to refuse: exit_hook, foreach, parallel, switch."""
    found = set()
    if flow_decorators(flow, "exit_hook"):
        found.add("exit_hook")
    for node in flow._graph:
        if node.type == "foreach":
            found.add("foreach")
        if node.type == "split-switch":
            found.add("switch")
        if getattr(node, "parallel_foreach", False) or getattr(node, "parallel_step", False):
            found.add("parallel")
    return tuple(sorted(found))


# Upstream's compilers, offline ---------------------------------------------------------------------------------------


class CanonicalEnvironment:
    """The flow's environment, except that what it tells about this machine and user is canonical.

    Upstream writes it into METAFLOW_VERSION and into the code package (metaflow_environment.py:251-279).
    """

    def __init__(self, environment: Any, settings: Settings) -> None:
        self._environment = environment
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)

    def get_environment_info(self, include_ext_info: bool = False) -> dict[str, Any]:
        import os
        import sys

        info: dict[str, Any] = {
            "app": configured("APP"),
            "environment_type": self._environment.TYPE,
            "metaflow_version": self._settings.metaflow_version,
            "runtime": "dev",
            "script": os.path.basename(sys.argv[0]),
            "username": self._settings.user,
        }
        if include_ext_info:
            from metaflow.extension_support import dump_module_info

            key, value = dump_module_info()
            info[key] = _sorted_lists(value)
        return {key: value for key, value in info.items() if value is not None}


def _sorted_lists(value: Any) -> Any:
    # The files of an extension are listed in the order of the installer's RECORD or of a directory walk.
    if isinstance(value, dict):
        return {key: _sorted_lists(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        items = [_sorted_lists(item) for item in value]
        return sorted(items) if all(isinstance(item, str) for item in items) else items
    return value


@contextlib.contextmanager
def _replaced(target: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(target, name) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)


class _RecordingBatch:
    """Stands for the Batch client while upstream compiles: keeps what would be registered.

    Upstream asks the queue for its platform (batch_client.py:179-189); offline a setting says it.
    """

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.registered: list[dict[str, Any]] = []

    def describe_job_queues(self, **_: Any) -> Any:
        return {"jobQueues": [{"computeEnvironmentOrder": [{"computeEnvironment": "offline"}]}]}

    def describe_compute_environments(self, **_: Any) -> Any:
        return {"computeEnvironments": [{"computeResources": {"type": self.platform}}]}

    def describe_job_definitions(self, **_: Any) -> Any:
        return {"jobDefinitions": []}

    def register_job_definition(self, **definition: Any) -> Any:
        self.registered.append(definition)
        return {"jobDefinitionArn": open_setting("JobDefinition")}

    class _client_config:
        region_name = open_setting("AWS::Region")


class _OfflineClients:
    """An AWS client provider (metaflow/plugins/aws/aws_client.py) that knows no AWS."""

    name = "metaflow-triggers-offline"

    def __init__(self, batch: _RecordingBatch) -> None:
        self._batch = batch

    def get_client(self, module: str, *_: Any, **__: Any) -> Any:
        return self._batch if module == "batch" else None


def _attached(obj: Any, names: list[str], datastore: Any) -> contextlib.AbstractContextManager[None]:
    @contextlib.contextmanager
    def attached() -> Iterator[None]:
        from metaflow import decorators

        before = {step.__name__: list(step.decorators) for step in obj.flow}
        decorators._attach_decorators(obj.flow, names)
        decorators._process_late_attached_decorator(
            names, obj.flow, obj.flow._graph, obj.environment, datastore, obj.logger
        )
        obj.graph = obj.flow._graph
        try:
            yield
        finally:
            for step in obj.flow:
                step.decorators[:] = before[step.__name__]
            obj.flow.__class__._init_graph()
            obj.graph = obj.flow._graph

    return attached()


def _datastore(obj: Any, kind: str, root: str) -> Any:
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins import DATASTORES

    implementation = next(cls for cls in DATASTORES if kind == cls.TYPE)
    return FlowDataStore(
        obj.flow.name,
        obj.environment,
        obj.metadata,
        obj.event_logger,
        obj.monitor,
        storage_impl=implementation,
        ds_root=root,
    )


class CodePackage:
    """A code package: its bytes (None when it was left out), its SHA-1 and its place below the datastore root."""

    def __init__(self, blob: bytes | None, metadata: str, sha: str, path: str) -> None:
        self.blob = blob
        self.metadata = metadata
        self.sha = sha
        self.path = path


def build_code_package(obj: Any, settings: Settings) -> CodePackage:
    """The flow's code package with reproducible bytes, or a placeholder with `--no-code-package`.

    The place is the one upstream's content-addressed store would choose (content_addressed_store.py:98-105).
    """
    from metaflow.package import MetaflowPackage

    if not settings.code_package:
        metadata = json.dumps({"version": 0, "archive_format": "tgz", "mfcontent_version": 1})
        return CodePackage(None, metadata, open_setting("CodePackageSha"), open_setting("CodePackagePath"))
    package = MetaflowPackage(
        obj.flow,
        CanonicalEnvironment(obj.environment, settings),
        obj.echo,
        suffixes=obj.package_suffixes,
        flow_datastore=None,
        backend=_reproducible_backend(),
    )
    blob = bytes(package.blob)
    sha = hashlib.sha1(blob).hexdigest()  # noqa: S324 - the name that Metaflow's datastore gives it
    return CodePackage(blob, package.package_metadata, sha, f"{obj.flow.name}/data/{sha[:2]}/{sha}")


_backend_class: Any = None


def _reproducible_backend() -> Any:
    """Upstream's tar backend without what differs between machines: owner, mode, order, gzip's clock."""
    global _backend_class  # noqa: PLW0603 - Metaflow refuses to register a second class of the same type
    if _backend_class is not None:
        return _backend_class
    from metaflow.packaging_sys.tar_backend import TarPackagingBackend

    class ReproducibleTar(TarPackagingBackend):  # type: ignore[misc]
        type = "metaflow-triggers-tgz"

        @classmethod
        def backend_type(cls) -> str:
            return "tgz"  # what the task unpacks it with

        def create(self) -> Any:
            self._members: dict[str, bytes] = {}
            return self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            self.close()

        def add_file(self, filename: str, arcname: str | None = None) -> None:
            with open(filename, "rb") as file:
                self._members[(arcname or filename).lstrip("/")] = file.read()

        def add_data(self, data: Any, arcname: str) -> None:
            self._members[arcname.lstrip("/")] = data.getvalue()

        def close(self) -> None:
            pass

        def get_blob(self) -> bytes:
            import gzip

            buffer = io.BytesIO()
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=6) as compressed,
                tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
            ):
                for name in sorted(self._members):
                    info = tarfile.TarInfo(name)
                    info.size = len(self._members[name])
                    info.mtime = 1575360000  # as upstream's (tar_backend.py:33)
                    info.mode = 0o644
                    archive.addfile(info, io.BytesIO(self._members[name]))
            return buffer.getvalue()

    _backend_class = ReproducibleTar
    return _backend_class


def upload_code_package(obj: Any, root: str, package: CodePackage) -> None:
    """Put the package where the compiled workflow looks for it (Metaflow's own content-addressed store).

    Raises DiagnosticError(FT704) if the datastore refuses, FT900 if it ends up elsewhere.
    """
    datastore = _datastore(obj, "s3", root)
    try:
        uri, sha = datastore.save_data([package.blob], len_hint=1)[0]
    except Exception as error:
        raise DiagnosticError(
            [Diagnostic("FT704", f"the code package could not be written below {root}: {error}")]
        ) from error
    if sha != package.sha or uri != f"{root}/{package.path}":
        raise DiagnosticError([Diagnostic("FT900", f"the code package went to {uri}, expected {root}/{package.path}")])


def resolve_token(obj: Any, backend: str, name: str, options: dict[str, Any]) -> str:
    """The production token by upstream's rules: authorise against what is deployed, keep or make one, remember it."""
    module = importlib.import_module(_TOKEN_MODULES[backend])
    with _upstream_errors(obj):
        token: str = module.resolve_token(
            name,
            obj.token_prefix,
            obj,
            options.get("authorize"),
            options.get("given_token"),
            options.get("generate_new_token"),
            obj.is_project,
        )
    return token


def check_token(obj: Any, backend: str, name: str, authorize: str | None) -> None:
    """Raise DiagnosticError(FT123) unless upstream would let this user delete the deployment."""
    module = importlib.import_module(_TOKEN_MODULES[backend])
    with _upstream_errors(obj):
        module.validate_token(name, obj.token_prefix, authorize)


_TOKEN_MODULES = {
    "step-functions": "metaflow.plugins.aws.step_functions.step_functions_cli",
    "argo-workflows": "metaflow.plugins.argo.argo_workflows_cli",
}


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


def step_functions_workflow(obj: Any, settings: Settings, package: CodePackage, name: str, options: Options) -> Any:
    """Upstream's state machine and job definitions: see `docs/architecture.md` for the shape.

    Raises DiagnosticError(FT123) with upstream's message when upstream refuses the flow.
    """
    from metaflow.plugins.aws import aws_client
    from metaflow.plugins.aws.aws_utils import validate_aws_tag
    from metaflow.plugins.aws.step_functions import step_functions as upstream

    batch = _RecordingBatch(settings.batch_platform)
    datastore = _datastore(obj, "s3", datastore_root(settings))
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
                raise DiagnosticError([_unknown_shape("a step registered no or several job definitions")])
            definition = dict(batch.registered[-1])
            definition.pop("jobDefinitionName", None)
            per_step[node.name] = definition
            job.payload["jobDefinition"] = open_setting(f"JobDefinition.{node.name}")
            return job

        def _step_cli(self, node: Any, paths: Any, code_package_url: str, user_code_retries: int) -> str:
            command: str = super()._step_cli(node, paths, code_package_url, user_code_retries)
            return _step_functions_command(command, node.name)

    role = f"arn:{_PARTITION}:iam::0:role/unused"
    url = f"{datastore_root(settings)}/{package.path}"
    with (
        _upstream_errors(obj),
        _attached(obj, ["batch"], datastore),
        _replaced(aws_client, cached_provider_class=_OfflineClients(batch)),
        _replaced(
            upstream,
            SFN_IAM_ROLE=role,
            SFN_DYNAMO_DB_TABLE=upstream.SFN_DYNAMO_DB_TABLE or open_setting("DynamoDbTable"),
        ),
    ):
        compiled = OfflineStepFunctions(
            name,
            obj.graph,
            obj.flow,
            package.metadata,
            package.sha,
            url,
            PRODUCTION_TOKEN,
            obj.metadata,
            datastore,
            CanonicalEnvironment(obj.environment, settings),
            obj.event_logger,
            obj.monitor,
            tags=options.tags,
            aws_batch_tags=batch_tags,
            namespace=options.namespace,
            max_workers=options.max_workers,
            username=settings.user,
            workflow_timeout=options.workflow_timeout,
            is_project=bool(current_project()[0]),
            use_distributed_map=options.use_distributed_map,
            compress_state_machine=options.compress_state_machine,
        )
        definition = json.loads(compiled._workflow.to_json())
    compiled_parts = {"definition": definition, "job_definitions": per_step}
    return _canonical(compiled_parts, _step_functions_settings(settings))


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
        raise DiagnosticError([_unknown_shape("the start step exports its parameters in an unknown way")])
    # The launcher runs the flow file itself: it takes what follows the interpreter.
    return command.replace(f"{_LAUNCHER} step-functions -- python ", f"{_LAUNCHER} step-functions -- ", 1)


def argo_workflow(obj: Any, settings: Settings, package: CodePackage, name: str, options: Options) -> Any:
    """Upstream's WorkflowTemplate: see `docs/architecture.md` for the shape.

    Raises DiagnosticError(FT123) with upstream's message when upstream refuses the flow.
    """
    from metaflow.plugins.argo import argo_workflows as upstream

    kind = obj.flow_datastore.TYPE if obj.flow_datastore.TYPE in ("s3", "azure", "gs") else "s3"
    root = datastore_root(settings) if kind == "s3" else obj.flow_datastore.datastore_root
    datastore = _datastore(obj, kind, root)

    class OfflineArgoWorkflows(upstream.ArgoWorkflows):  # type: ignore[misc]
        def _process_triggers(self) -> Any:
            return [], None  # the Sensor is a trigger object of ours

        def _compile_sensor(self) -> None:
            return None

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

    url = f"{root}/{package.path}"
    with _upstream_errors(obj), _attached(obj, ["kubernetes", "environment"], datastore):
        compiled = OfflineArgoWorkflows(
            name,
            obj.graph,
            obj.flow,
            package.metadata,
            package.sha,
            url,
            PRODUCTION_TOKEN,
            obj.metadata,
            datastore,
            CanonicalEnvironment(obj.environment, settings),
            obj.event_logger,
            obj.monitor,
            tags=options.tags,
            namespace=options.namespace,
            username=settings.user,
            max_workers=options.max_workers,
            workflow_timeout=options.workflow_timeout,
            **options.argo,
        )
        template = json.loads(json.dumps(compiled._workflow_template.to_json(), default=_plain))
    template = _canonical(_without_nulls(template), _argo_settings(settings))
    for entry in template["spec"].get("templates", []):
        container = entry.get("container")
        if container and container.get("command"):
            container["command"] = [_argo_command(part) for part in container["command"]]
    return {"workflow_template": template}


_ARGO_PARAMETERS = re.compile(
    r"python -m metaflow\.plugins\.argo\.set_parameters (\w+) (?P<values>.*?) ?&& \. `pwd`/\1 && ", re.DOTALL
)
_ARGO_INIT = re.compile(r"(?P<before>>/dev/null 2>/dev/null); then \S+ (?P<rest>\S+ .*? init --run-id .*?); fi")


def _argo_command(command: str) -> str:
    match = _ARGO_PARAMETERS.search(command)
    if match is None:
        if "metaflow.plugins.argo.set_parameters" in command:
            raise DiagnosticError([_unknown_shape("the start step exports its parameters in an unknown way")])
        return command
    values = match["values"].strip()
    command = command[: match.start()] + command[match.end() :]
    launch = f"; then python -m {_LAUNCHER} argo-workflows {values + ' ' if values else ''}-- "
    command, count = _ARGO_INIT.subn(lambda found: f"{found['before']}{launch}{found['rest']}; fi", command, count=1)
    if count != 1:
        raise DiagnosticError([_unknown_shape("the start step initialises the run in an unknown way")])
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


@contextlib.contextmanager
def _upstream_errors(obj: Any) -> Iterator[None]:
    from metaflow.exception import MetaflowException

    try:
        yield
    except MetaflowException as error:
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT123",
                    f"Metaflow cannot compile `{obj.flow.name}`: {' '.join(str(error.message).split())}",
                )
            ]
        ) from error
