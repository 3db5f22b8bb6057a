"""Shape: is the installed Metaflow one that we know, and are its decorators ours?

In:   the installed Metaflow.
Out:  nothing, or DiagnosticError (FT004, FT001).

Not here: using the names that are listed.
"""

from __future__ import annotations

import importlib
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError

# `a|b`: one of them, by release.
PRIVATE_NAMES = {
    "metaflow.plugins.aws.step_functions.step_functions": [
        "StepFunctions._compile",
        "StepFunctions._batch",
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
        "ArgoWorkflows._process_parameters",
        "ArgoWorkflows._base_kubernetes_annotations",
        "ArgoWorkflows._compile_workflow_template",
    ],
    "metaflow.plugins.aws.aws_client": ["get_aws_client", "cached_provider_class"],
    "metaflow.decorators": ["_attach_decorators", "_process_late_attached_decorator|_init_step_decorators"],
    "metaflow.flowspec": ["FlowSpec._get_parameters", "FlowSpec._flow_decorators|FlowSpecMeta", "FlowSpec._init_graph"],
    "metaflow.package": ["MetaflowPackage"],
    "metaflow.packaging_sys.tar_backend": ["TarPackagingBackend.backend_type", "TarPackagingBackend.get_blob"],
    "metaflow.extension_support": ["dump_module_info"],
    "metaflow.parameters": ["flow_context"],
    "metaflow.metaflow_config_funcs": ["from_conf"],
    "metaflow.datastore.flow_datastore": ["FlowDataStore"],
}


def check_shape() -> None:
    """Raise DiagnosticError(FT004) if the installed Metaflow lacks a name that we build on."""
    missing = []
    for module_name, names in PRIVATE_NAMES.items():
        try:
            module: Any = importlib.import_module(module_name)
        except ImportError:
            missing.append(module_name)
            continue
        missing += [f"{module_name}.{name}" for name in names if not any(_has(module, one) for one in name.split("|"))]
    if missing:
        raise DiagnosticError([unknown_shape(f"it has no {', '.join(missing)}")])


def _has(module: Any, name: str) -> bool:
    target = module
    for part in name.split("."):
        target = getattr(target, part, _MISSING)
    return target is not _MISSING


_MISSING = object()


def unknown_shape(what: str) -> Diagnostic:
    import metaflow

    return Diagnostic(
        "FT004",
        f"metaflow-triggers does not know the shape of Metaflow {getattr(metaflow, '__version__', '?')}",
        notes=(what,),
        helps=("install a supported Metaflow (2.19), or a newer metaflow-triggers",),
    )


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
