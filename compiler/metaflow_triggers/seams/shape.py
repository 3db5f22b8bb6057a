"""Shape: is the installed Metaflow one that we know, and are its decorators ours?

In:   the installed Metaflow.
Out:  nothing, or DiagnosticError (FT004, FT001).

Not here: using the names that are listed.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic, DiagnosticError

if TYPE_CHECKING:
    from .upstream import Upstream

PRIVATE_NAMES = {
    "metaflow.decorators": ["_attach_decorators", "_process_late_attached_decorator|_init_step_decorators"],
    "metaflow.flowspec": ["FlowSpec._get_parameters", "FlowSpec._flow_decorators|FlowSpecMeta", "FlowSpec._init_graph"],
    "metaflow.package": ["MetaflowPackage"],
    "metaflow.packaging_sys.tar_backend": ["TarPackagingBackend.backend_type", "TarPackagingBackend.get_blob"],
    "metaflow.extension_support": ["dump_module_info"],
    "metaflow.parameters": ["flow_context"],
    "metaflow.plugins": ["get_plugin_cli_path", "STEP_DECORATORS"],
    "metaflow.lint": ["linter.run_checks"],
    "metaflow.user_decorators.user_flow_decorator": ["FlowMutator"],
    "metaflow._vendor.click.exceptions": ["ClickException.show", "UsageError.show", "UsageError.format_message"],
    "metaflow.metaflow_config": ["USER"],
    "metaflow.metaflow_config_funcs": ["from_conf"],
    "metaflow.util": ["get_username"],
    "metaflow.datastore.flow_datastore": ["FlowDataStore", "FlowDataStore.save_data"],
    "metaflow.plugins.datatools.s3.s3": ["get_s3_client"],
    "metaflow.includefile": ["_dict_dataclients", "UploaderV1.store"],
    "metaflow.plugins.pypi.conda_environment": [
        "CondaEnvironment.get_environment",
        "CondaEnvironment.get_environment_manifest_path",
        "CondaEnvironment.init_environment",
        "CondaEnvironment.read_from_environment_manifest",
        "CondaEnvironment.write_to_environment_manifest",
    ],
    "metaflow.exception": ["ParameterFieldFailed"],
    "metaflow.plugins.datastores.local_storage": ["LocalStorage.get_datastore_root_from_config"],
}
"""Those that every command needs; each backend's own stand in its `Upstream`. `a|b`: one of them, by release."""


def check_shape(backends: Iterable[Upstream]) -> None:
    """Raise DiagnosticError(FT004) if the installed Metaflow lacks a name that we build on.

    `backends`: those at work; upstream's modules of the others are not imported for it.
    """
    missing = []
    tables = [PRIVATE_NAMES, *(backend.private_names for backend in backends)]
    for module_name, names in (item for table in tables for item in table.items()):
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


# What a command of a flow imports, but for `metaflow.cli`, which looks at the flow when it is imported, and what
# imports it (`metaflow.plugins.logs_cli`, 2.19.39): else no flow that is read after it has `--production`.
_USED_BY_COMMANDS = (
    "metaflow.cli_components.utils",
    "metaflow.datastore",
    "metaflow.lint",
    "metaflow.package",
    "metaflow.packaging_sys.tar_backend",
    "metaflow.plugins.airflow.airflow_cli",
    "metaflow.plugins.aws.batch.batch_cli",
    "metaflow.plugins.cards.card_cli",
    "metaflow.plugins.kubernetes.kubernetes_cli",
    "metaflow.plugins.kubernetes.spot_metadata_cli",
    "metaflow.plugins.namespaced_events",
    "metaflow.plugins.package_cli",
    "metaflow.plugins.tag_cli",
    "metaflow.pylint_wrapper",
    "metaflow.system",
    "metaflow_extensions.triggers.plugins.reading_cli",
    "webbrowser",
)


def preload(backends: Iterable[Upstream]) -> None:
    """Import now what every flow would import in its own process. What a Metaflow does not have is left out."""
    from metaflow import plugins

    groups = plugins.get_plugin_cli_path()
    own = [groups[backend.group].rpartition(".")[0] for backend in backends if backend.group in groups]
    for name in (*_USED_BY_COMMANDS, *own):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # What the modules make at their first use: the version, asked of git, and the tokenizer's patterns.
    from metaflow import metaflow_version

    metaflow_version.get_version()
    metaflow_version.get_version(public=True)
    inspect.getsource(preload)
    # and the patterns of its own functions, which say what they are given in other words.
    with contextlib.suppress(ImportError, AttributeError, TypeError, ValueError):
        from metaflow import util
        from metaflow.plugins.aws import aws_utils

        util.to_camelcase({"a_b": 1})
        util.to_pascalcase({"a": 1})
        aws_utils.get_docker_registry("registry/image:tag")
    # Each process asks git up to five times for a tag of runs, which stands in nothing that is compiled.
    with contextlib.suppress(ImportError):
        importlib.import_module("metaflow.metaflow_git")._git_info_cache = {}  # type: ignore[attr-defined]


_MISSING = object()


def unknown_shape(what: str) -> Diagnostic:
    import metaflow

    return Diagnostic(
        "FT004",
        f"metaflow-triggers does not know the shape of Metaflow {getattr(metaflow, '__version__', '?')}",
        notes=(what,),
        helps=("install a supported Metaflow (2.19), or a newer metaflow-triggers",),
    )


def prove_in_charge(backends: Iterable[Upstream]) -> None:
    """Raise DiagnosticError(FT001) if something else took the place of one of our decorators.

    Metaflow ignores an extension whose plugins module fails (extension_support/plugins.py:70-75), and the last
    extension to define a name wins (:79-86): either way a flow would silently deploy without its triggers.
    """
    from metaflow import plugins

    wanted = {
        "FLOW_DECORATORS": ("trigger", "trigger_on_finish", "project"),
        "STEP_DECORATORS": [backend.bookkeeping for backend in backends if backend.bookkeeping],
    }
    foreign = []
    for category, names in wanted.items():
        registered = {cls.name: cls for cls in getattr(plugins, category)}
        for name in names:
            cls = registered.get(name)
            # What is switched off is no class at all (`switches`), and takes nobody's place.
            if cls is not None and not any(_is_ours(base) for base in cls.__mro__):
                foreign.append(f"`{name}` is {cls.__module__}.{cls.__qualname__}")
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
