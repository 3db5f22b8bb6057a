"""Deployer: what the commands `create` and `delete` ask of this backend.

In:   the compiled files, settings, Metaflow's click state.
Out:  text for people; DiagnosticError.

Not here: the requests (`deploy.py`) and tokens' rules (upstream's, through `metaflow_triggers.seams`).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ... import seams
from ...diagnostics import Diagnostic
from ...settings import Settings
from . import NAME, deploy

one_document = deploy.one_document


def missing_settings(files: Sequence[Any], settings: Settings) -> list[Diagnostic]:
    """FT002 for each setting that the deployment needs and configuration does not give."""
    return deploy.missing_settings(settings)


def resolve_token(obj: Any, options: dict[str, Any]) -> str:
    """The production token of the deployment, by upstream's rules."""
    return seams.resolve_token(obj, NAME, obj.workflow_name, options)


def check_token(obj: Any, options: dict[str, Any]) -> None:
    """Raise DiagnosticError(FT123) unless the caller may delete the deployment."""
    seams.check_token(obj, NAME, obj.workflow_name, options.get("authorize"))


def create(
    files: Iterable[Any],
    settings: Settings,
    *,
    deployed_name: str,
    token: str,
    options: dict[str, Any],
    upload: Callable[[], None],
) -> str:
    """Write the objects to the cluster; returns what was done, a line each. `upload` brings the code package away."""
    upload()
    objects = [_with_token(file, token) for file in files]
    return str(deploy.create(objects, settings, deployed_name=deployed_name, production_token=token))


def delete(deployed_name: str, settings: Settings, *, flow: str, steps: Iterable[str]) -> str:
    """Remove what `create` made; returns what was done, a line each."""
    return str(deploy.delete(deployed_name, settings))


def _with_token(file: Any, token: str) -> Any:
    # Upstream's other commands (terminate, suspend, create from another machine) compare the token with these
    # annotations (argo_workflows.py:525-560). They stand in the cluster only: no file holds a token.
    if file.content.get("kind") != "WorkflowTemplate":
        return file
    content = copy.deepcopy(file.content)
    for place in (content["metadata"], content["spec"].setdefault("workflowMetadata", {})):
        place.setdefault("annotations", {})["metaflow/production_token"] = token
    return dataclasses.replace(file, content=content)
