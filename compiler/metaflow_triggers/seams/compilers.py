"""Compilers: what upstream's compilers of all backends take, and how what they give is made canonical.

In:   the click state, settings, code package, options of `create`; upstream's compiler of one backend.
Out:  that compiler's object, compiled; text with settings and versions in one spelling.

Not here: one backend (`state_machines`, `workflow_templates`), triggers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..model.settings import Settings, open_setting
from .code_package import CodePackage
from .environment import CanonicalEnvironment

PRODUCTION_TOKEN = open_setting("ProductionToken")


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


def compiled(
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


def canonical(value: Any, replace: Callable[[str], str]) -> Any:
    """Every text through `replace`; METAFLOW_VERSION (which only people read) without the token, keys sorted."""
    if isinstance(value, dict):
        if value.get("Name", value.get("name")) == "METAFLOW_VERSION":
            value = _version_of(value)
        return {
            key: replace(item) if isinstance(item, str) else canonical(item, replace) for key, item in value.items()
        }
    if isinstance(value, list):
        return [canonical(item, replace) for item in value]
    return replace(value) if isinstance(value, str) else value


def _version_of(entry: dict[str, Any]) -> dict[str, Any]:
    for key in ("Value", "value"):
        if isinstance(entry.get(key), str):
            told = json.loads(entry[key])
            told.pop("production_token", None)
            entry = {**entry, key: json.dumps(told, sort_keys=True)}
    return entry
