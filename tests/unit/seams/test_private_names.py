"""Every private name of Metaflow that the seams use exists, with the parameters that they rely on."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.registry import at_work
from metaflow_triggers.seams import PRIVATE_NAMES, check_shape

from .run import BACKENDS, EXAMPLES, QUIET, ROOT, python

UPSTREAMS = [item.upstream for item in at_work(())]
TABLES = [PRIVATE_NAMES, *(item.private_names for item in UPSTREAMS)]
NAMED = [(module, names) for table in TABLES for module, names in table.items()]

PRESENT = None
"""For a name of which only its presence counts."""

STEP_FUNCTIONS = "metaflow.plugins.aws.step_functions.step_functions"
ARGO = "metaflow.plugins.argo.argo_workflows"
ENVIRONMENT = "metaflow.metaflow_environment.MetaflowEnvironment"
CONDA = "metaflow.plugins.pypi.conda_environment.CondaEnvironment"
TOKEN = ["name", "token_prefix", "obj", "authorize", "given_token", "generate_new_token", "is_project"]
PARAMETERS: dict[str, list[str] | None] = {
    f"{STEP_FUNCTIONS}.StepFunctions._compile": ["self"],
    f"{STEP_FUNCTIONS}.StepFunctions._batch": ["self", "node"],
    f"{STEP_FUNCTIONS}.StepFunctions._step_cli": ["self", "node", "paths", "code_package_url", "user_code_retries"],
    f"{STEP_FUNCTIONS}.StepFunctions._cron": ["self"],
    f"{STEP_FUNCTIONS}.StepFunctions._process_parameters": ["self"],
    f"{STEP_FUNCTIONS}.SFN_IAM_ROLE": PRESENT,
    f"{STEP_FUNCTIONS}.SFN_DYNAMO_DB_TABLE": PRESENT,
    f"{STEP_FUNCTIONS}_cli.resolve_token": TOKEN,
    f"{STEP_FUNCTIONS}_cli.validate_token": ["name", "token_prefix", "authorize"],
    f"{STEP_FUNCTIONS}_cli.StepFunctions.get_existing_deployment": ["name"],
    f"{ARGO}_cli.resolve_token": TOKEN,
    f"{ARGO}_cli.validate_token": ["name", "token_prefix", "authorize"],
    f"{ARGO}_cli.ArgoWorkflows.get_existing_deployment": ["name"],
    f"{ARGO}.ArgoWorkflows._process_triggers": ["self"],
    f"{ARGO}.ArgoWorkflows._compile_sensor": ["self"],
    f"{ARGO}.ArgoWorkflows._parse_conditional_branches": ["self"],
    f"{ARGO}.ArgoWorkflows._process_parameters": ["self"],
    f"{ARGO}.ArgoWorkflows._base_kubernetes_annotations": ["self"],
    f"{ARGO}.ArgoWorkflows._compile_workflow_template": ["self"],
    "metaflow.plugins.aws.aws_client.get_aws_client": ["module"],
    "metaflow.plugins.aws.aws_client.cached_provider_class": PRESENT,
    f"{ENVIRONMENT}.get_package_commands": ["self", "code_package_url", "datastore_type", "code_package_metadata"],
    f"{ENVIRONMENT}.bootstrap_commands": ["self", "step_name", "datastore_type"],
    f"{ENVIRONMENT}.executable": ["self", "step_name"],
    "metaflow.plugins.datatools.s3.s3.get_s3_client": ["s3_role_arn", "s3_session_vars", "s3_client_params"],
    "metaflow.decorators._attach_decorators": ["flow", "decospecs"],
    "metaflow.decorators._process_late_attached_decorator": [
        "deco_names",
        "flow",
        "graph",
        "environment",
        "flow_datastore",
        "logger",
    ],
    "metaflow.flowspec.FlowSpec._get_parameters": [],
    "metaflow.flowspec.FlowSpec._flow_decorators": PRESENT,
    "metaflow.flowspec.FlowSpec._init_graph": [],
    "metaflow.package.MetaflowPackage": [
        "flow",
        "environment",
        "echo",
        "suffixes",
        "user_code_filter",
        "flow_datastore",
        "mfcontent",
        "exclude_tl_dirs",
        "backend",
    ],
    "metaflow.packaging_sys.tar_backend.TarPackagingBackend.backend_type": [],
    "metaflow.packaging_sys.tar_backend.TarPackagingBackend.get_blob": ["self"],
    "metaflow.extension_support.dump_module_info": [],
    "metaflow.parameters.flow_context": ["flow_cls"],
    "metaflow.plugins.get_plugin_cli_path": [],
    "metaflow.plugins.STEP_DECORATORS": PRESENT,
    "metaflow.lint.linter.run_checks": ["graph"],
    "metaflow.user_decorators.user_flow_decorator.FlowMutator": PRESENT,
    "metaflow._vendor.click.exceptions.ClickException.show": ["self", "file"],
    "metaflow._vendor.click.exceptions.UsageError.show": ["self", "file"],
    "metaflow._vendor.click.exceptions.UsageError.format_message": ["self"],
    "metaflow.metaflow_config.USER": PRESENT,
    "metaflow.metaflow_config_funcs.from_conf": ["name", "default"],
    "metaflow.util.get_username": [],
    "metaflow.datastore.flow_datastore.FlowDataStore": [
        "flow_name",
        "environment",
        "metadata",
        "event_logger",
        "monitor",
        "storage_impl",
        "ds_root",
    ],
    "metaflow.datastore.flow_datastore.FlowDataStore.save_data": ["self", "data_iter", "len_hint"],
    "metaflow.includefile._dict_dataclients": PRESENT,
    "metaflow.includefile.UploaderV1.store": ["flow_name", "path", "is_text", "encoding", "handler", "echo"],
    f"{CONDA}.get_environment": PRESENT,  # wrapped by functools.lru_cache, which we clear
    f"{CONDA}.get_environment_manifest_path": ["self"],
    f"{CONDA}.init_environment": ["self", "echo"],
    f"{CONDA}.read_from_environment_manifest": ["self", "keys"],
    f"{CONDA}.write_to_environment_manifest": ["self", "keys", "value"],
    "metaflow.exception.ParameterFieldFailed": ["name", "field"],
    "metaflow.plugins.datastores.local_storage.LocalStorage.get_datastore_root_from_config": [
        "echo",
        "create_on_absent",
    ],
}
LOST = {
    "step-functions": (STEP_FUNCTIONS, "StepFunctions", "_step_cli"),
    "argo-workflows": (ARGO, "ArgoWorkflows", "_compile_sensor"),
}
CONSTRUCTED_WITH = {
    f"{STEP_FUNCTIONS}.StepFunctions": {
        "tags",
        "aws_batch_tags",
        "namespace",
        "max_workers",
        "username",
        "workflow_timeout",
        "is_project",
        "use_distributed_map",
        "compress_state_machine",
    },
    f"{ARGO}.ArgoWorkflows": {
        "tags",
        "namespace",
        "username",
        "max_workers",
        "workflow_timeout",
        "workflow_priority",
        "auto_emit_argo_events",
        "enable_heartbeat_daemon",
        "enable_error_msg_capture",
    },
}
POSITIONAL = [
    "name",
    "graph",
    "flow",
    "code_package_metadata",
    "code_package_sha",
    "code_package_url",
    "production_token",
    "metadata",
    "flow_datastore",
    "environment",
    "event_logger",
    "monitor",
]


def find(full_name: str) -> Any:
    parts = full_name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AssertionError(full_name)


def test_the_table_names_what_the_seams_name() -> None:
    # Of alternatives, the first is the newest release's.
    named = {f"{module}.{name.partition('|')[0]}" for module, names in NAMED for name in names}
    assert named == PARAMETERS.keys()


@pytest.mark.parametrize("name", [name for name, parameters in PARAMETERS.items() if parameters is not PRESENT])
def test_parameters(name: str) -> None:
    wanted = PARAMETERS[name] or []
    has = inspect.signature(find(name)).parameters
    assert list(has)[: len(wanted)] == wanted
    more = list(has.values())[len(wanted) :]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    assert all(item.default is not item.empty or item.kind in kinds for item in more), "one more must be given"


@pytest.mark.parametrize("name", CONSTRUCTED_WITH)
def test_constructors_of_the_compilers(name: str) -> None:
    has = list(inspect.signature(find(name)).parameters)
    assert has[: len(POSITIONAL)] == POSITIONAL
    assert set(has) >= CONSTRUCTED_WITH[name]


def test_every_private_method_that_a_subclass_replaces_is_named() -> None:
    """One that upstream renames would silently no longer be called."""
    replaced = set()
    for file in sorted((ROOT / "compiler/metaflow_triggers/seams").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for base in getattr(node, "bases", []):
                if isinstance(node, ast.ClassDef) and isinstance(base, ast.Attribute):
                    methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
                    replaced |= {f"{base.attr}.{name}" for name in methods if name[:1] == "_" and name[:2] != "__"}
    assert replaced, "the subclasses are not where this test looks"
    assert replaced <= {one for _, names in NAMED for name in names for one in name.split("|")}


def test_the_installed_metaflow_has_the_known_shape() -> None:
    check_shape(UPSTREAMS)


MISSING = """
import {module} as module
del module.{attribute}
from metaflow_triggers.backends.registry import at_work
from metaflow_triggers.seams import check_shape
from metaflow_triggers.diagnostics import DiagnosticError
try:
    check_shape([item.upstream for item in at_work(())])
except DiagnosticError as error:
    print([(item.code, item.notes) for item in error.diagnostics])
"""


@pytest.mark.parametrize(
    ("module", "attribute"),
    [(STEP_FUNCTIONS, "StepFunctions._step_cli"), ("metaflow.decorators", "_attach_decorators")],
)
def test_a_missing_name_is_told(tmp_path: Path, module: str, attribute: str) -> None:
    process = python("-c", MISSING.format(module=module, attribute=attribute), cwd=tmp_path)
    assert process.stdout.strip() == f"[('FT004', ('it has no {module}.{attribute}',))]", process.stderr


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("command", ["compile", "create"])
def test_commands_refuse_an_unknown_shape(tmp_path: Path, backend: str, command: str) -> None:
    source = (EXAMPLES / "process_order/flow.py").read_text("utf-8")
    module, name, lost = LOST[backend]
    (tmp_path / "flow.py").write_text(f"from {module} import {name}\ndel {name}.{lost}\n{source}", "utf-8")
    process = python("flow.py", *QUIET, backend, command, cwd=tmp_path)
    assert process.returncode == 1
    assert "error[FT004]" in process.stderr
    assert f"{name}.{lost}" in process.stderr
    assert process.stdout == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_shape_of_the_other_backend_is_not_asked_for(tmp_path: Path, backend: str) -> None:
    (other,) = set(BACKENDS) - {backend}
    module, name, lost = LOST[other]
    source = (EXAMPLES / "process_order/flow.py").read_text("utf-8")
    (tmp_path / "flow.py").write_text(f"from {module} import {name}\ndel {name}.{lost}\n{source}", "utf-8")
    process = python("flow.py", *QUIET, backend, "compile", "--no-code-package", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
