"""Environment: what upstream's code sees of this machine while it compiles.

In:   the click state.
Out:  stand-ins that tell nothing of machine, user and cloud, and context managers that put them in place and away.

Not here: the compilers that look at them (`state_machines`, `workflow_templates`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.settings import Settings, open_setting
from .configuration import configured

_OURS = Path(__file__).parents[1]


class CanonicalEnvironment:
    """The flow's environment, except that what it tells about this machine and user is canonical.

    Upstream writes it into METAFLOW_VERSION and into the code package (metaflow_environment.py:251-279).
    """

    def __init__(self, environment: Any, settings: Settings) -> None:
        self._environment = environment
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)

    def init_environment(self, echo: Any, *more: Any) -> None:
        """Raises DiagnosticError(FT123) with the environment's own words."""
        try:
            self._environment.init_environment(echo, *more)
        except Exception as error:  # conda and pip run here, on the user's packages
            told = f"the environment `{self._environment.TYPE}` could not be prepared: {_words(error)}"
            helps = ("`compile --no-code-package` needs no environment",)
            raise DiagnosticError([Diagnostic("FT123", told, helps=helps)]) from error

    def get_environment_info(self, include_ext_info: bool = False) -> dict[str, Any]:
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
            info[key] = _sorted_files(value)
        return {key: value for key, value in info.items() if value is not None}


def _sorted_files(value: Any) -> Any:
    # The files of an extension are listed in the order of the installer's RECORD or of a directory walk. Other lists
    # keep their order: a task reads an extension's entry by position (extension_support/__init__.py:370-376).
    if isinstance(value, dict):
        return {key: sorted(value[key]) if key == "files" else _sorted_files(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_sorted_files(item) for item in value]
    return value


@contextlib.contextmanager
def replaced(target: Any, **values: Any) -> Iterator[None]:
    """Attributes of a module or class, put back afterwards."""
    before = {name: getattr(target, name) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)


class RecordingBatch:
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


class OfflineClients:
    """An AWS client provider (metaflow/plugins/aws/aws_client.py) that knows no AWS."""

    name = "metaflow-triggers-offline"

    def __init__(self, batch: RecordingBatch) -> None:
        self._batch = batch

    def get_client(self, module: str, *_: Any, **__: Any) -> Any:
        return self._batch if module == "batch" else None


def attached(obj: Any, names: Sequence[str], datastore: Any) -> contextlib.AbstractContextManager[None]:
    """The flow with step decorators attached as upstream's `create` attaches them, taken away afterwards."""

    @contextlib.contextmanager
    def attached() -> Iterator[None]:
        from metaflow import decorators

        cls = obj.flow.__class__
        before = {step.__name__: list(step.decorators) for step in obj.flow}
        graph, steps = cls._graph, cls._steps
        try:  # a decorator may refuse the flow here, and the next backend's compiler shall not find it
            decorators._attach_decorators(obj.flow, list(names))
            given = (obj.flow, obj.flow._graph, obj.environment, datastore, obj.logger)
            if hasattr(decorators, "_process_late_attached_decorator"):
                decorators._process_late_attached_decorator(list(names), *given)
            else:  # earlier releases (2.19.0) initialise all decorators of a step again
                decorators._init(obj.flow)
                decorators._init_step_decorators(*given)
            obj.graph = obj.flow._graph
            yield
        finally:
            for step in obj.flow:
                step.decorators[:] = before[step.__name__]
            if all(graph[step.__name__].decorators is step.decorators for step in steps):
                cls._graph, cls._steps = graph, steps
            else:  # the step's list is another one now: parse the source again
                cls._init_graph()
            obj.graph = obj.flow._graph

    return attached()


def datastore(obj: Any, kind: str, root: str) -> Any:
    """A datastore of the flow of that kind (s3, azure, gs) below `root`."""
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


def s3_datastore(obj: Any, root: str) -> Any:
    """A datastore of the flow on S3 below `root`; nothing is asked of S3 until it is used."""
    return datastore(obj, "s3", root)


@contextlib.contextmanager
def upstream_errors(obj: Any) -> Iterator[None]:
    """Turn what upstream raises inside into DiagnosticError(FT123) with its message."""
    from metaflow.exception import MetaflowException

    try:
        yield
    except MetaflowException as error:
        message = f"Metaflow cannot compile `{obj.flow.name}`: {_words(error)}"
        raise DiagnosticError([Diagnostic("FT123", message)]) from error


@contextlib.contextmanager
def compile_errors(obj: Any) -> Iterator[None]:
    """The same for upstream's compilers, which also raise what Python does on a bad value (`@batch(memory='much')`)."""
    try:
        with upstream_errors(obj):
            yield
    except DiagnosticError:
        raise
    except Exception as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        if Path(frames[-1].f_code.co_filename).is_relative_to(_OURS):
            raise  # a fault of ours
        names = {node.name for node in obj.graph}
        steps = [name for frame in frames if (name := getattr(frame.f_locals.get("node"), "name", None)) in names]
        where = f", step `{steps[-1]}`" if steps else ""
        message = f"Metaflow cannot compile `{obj.flow.name}`{where}: {type(error).__name__}: {_words(error)}"
        raise DiagnosticError([Diagnostic("FT123", message)]) from error


def _words(error: BaseException) -> str:
    """What an error of Metaflow's says, on one line; of a parameter's own code, what that raised.

    Metaflow puts a whole traceback into the latter's message (exception.py, `ParameterFieldFailed`).
    """
    from metaflow.exception import ParameterFieldFailed

    if isinstance(error, ParameterFieldFailed):
        told, cause = str(error.message).partition(", the following exception")[0], error.__context__
        while isinstance(cause, ParameterFieldFailed):
            cause = cause.__context__
        name = type(cause).__name__
        return f"{' '.join(told.replace('*', '`').split())}: {name}: {_words(cause)}" if cause else told
    return " ".join(str(getattr(error, "message", None) or error).split())
