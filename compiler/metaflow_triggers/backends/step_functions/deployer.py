"""Deployer: what the commands `create` and `delete` ask of this backend.

In:   the compiled files, settings, Metaflow's click state.
Out:  text for people; DiagnosticError.

Not here: the requests (`deploy.py`) and tokens' rules (upstream's, through `metaflow_triggers.seams`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ... import seams
from ...canonical import json_text
from ...diagnostics import Diagnostic
from ...settings import Settings
from . import NAME, deploy
from .calls import calling


def one_document(files: Iterable[Any]) -> str:
    """The flow's template as JSON text."""
    return json_text(next(file.content for file in files))


def missing_settings(files: Iterable[Any], settings: Settings) -> list[Diagnostic]:
    """FT002 for each setting that the template needs and configuration does not give."""
    known = {"ProductionToken": "", "CodePackageSha": "", "CodePackagePath": ""}  # made by `create` itself
    found = [item for file in files for item in deploy.missing_values(file.content, known, settings)]
    return list({item.helps: item for item in reversed(found)}.values())[::-1]  # one setting may fill two parameters


def resolve_token(obj: Any, options: dict[str, Any]) -> str:
    """The production token of the deployment, by upstream's rules."""
    with calling("states:ListStateMachines", obj.state_machine_name):
        return seams.resolve_token(obj, NAME, obj.state_machine_name, options)


def check_token(obj: Any, options: dict[str, Any]) -> None:
    """Raise DiagnosticError(FT123) unless the caller may delete the deployment."""
    with calling("states:ListStateMachines", obj.state_machine_name):
        seams.check_token(obj, NAME, obj.state_machine_name, options.get("authorize"))


def create(files: Iterable[Any], settings: Settings, *, deployed_name: str, token: str) -> str:
    """Deploy the template; returns what was done, a line each."""
    template = next(file.content for file in files)
    return _lines(deploy.create(template, {"ProductionToken": token}, settings))


def delete(deployed_name: str, settings: Settings) -> str:
    """Remove what `create` made; returns what was done, a line each."""
    return _lines(deploy.delete(deployed_name))


def _lines(actions: Iterable[deploy.Action]) -> str:
    lines = [
        f"{action.verb} {action.type} {action.name}{f' ({action.reason})' if action.reason else ''}"
        for action in actions
    ]
    return "\n".join(lines) or "nothing to do"
