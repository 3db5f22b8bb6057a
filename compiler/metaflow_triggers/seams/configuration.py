"""Configuration: what the user has set, read in one place.

In:   Metaflow's configuration: environment and configuration files.
Out:  `Settings`; the real user name, which Metaflow can be made to take.

Not here: what a setting means for a backend.
"""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Callable
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.settings import SECRET_NAME, Settings, open_setting

_BUCKET = f"s3://{open_setting('DatastoreBucket')}"
_DEFAULT_USER = "nobody"


def configured(name: str, default: Any = None) -> Any:
    """A METAFLOW_* setting as the user configured it (environment or configuration file), else the default.

    An empty one, or null, counts as not set. Raises DiagnosticError (FT017) for what is no text: a configuration file
    is JSON.
    """
    from metaflow.metaflow_config_funcs import from_conf

    value = from_conf(name, default)
    if value in ("", None):
        return default
    if not isinstance(value, str) and value is not default:
        what = f"METAFLOW_{name} is a text; Metaflow's configuration file has {json.dumps(value)[:60]}"
        raise DiagnosticError([Diagnostic("FT017", what, helps=("write it in quotes there",))])
    return value


def read_settings(
    *, production: bool = False, code_package: bool = True, user: str | None = None, branch: str | None = None
) -> Settings:
    """All that configuration gives, once. `user` overrides METAFLOW_USER (`create` deploys as the real user)."""
    return _read(configured, production, code_package, user, branch)


def secrets() -> list[tuple[str, tuple[str, ...]]]:
    """(METAFLOW_ setting, texts) of what is configured and secret: by its name, or as the user of an address."""
    from metaflow.metaflow_config_funcs import config_values

    found: dict[str, tuple[str, ...]] = {}
    for name, value in config_values():
        text = value if isinstance(value, str) else str(value)
        told = _of_headers(text) if name.endswith("_HEADERS") else [text] if SECRET_NAME.search(name) else _of_url(text)
        if any(told):
            found[name] = tuple(filter(None, told))
    keys = {text for name, texts in found.items() if name.endswith("_AUTH_KEY") for text in texts}
    for name in list(found):
        if not name.endswith("_AUTH_KEY"):  # Metaflow adds the key to the headers
            found[name] = tuple(text for text in found[name] if text not in keys)
    return sorted((name, texts) for name, texts in found.items() if texts)


def _of_headers(text: str) -> list[str]:
    """The values of a JSON object's headers."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return [str(value) for value in found.values()] if isinstance(found, dict) else [text]


def _of_url(text: str) -> list[str]:
    """What an address has before its host."""
    try:
        user, at, _ = urllib.parse.urlsplit(text).netloc.rpartition("@")
    except ValueError:
        return []
    return [user + at] if user else []


def configuration_files() -> list[Any]:
    """What Metaflow's configuration files say, as it read them: the user's, and that of the folder."""
    from metaflow import metaflow_config_funcs

    configured("USER")  # Metaflow reads them when it is first asked
    return [metaflow_config_funcs.METAFLOW_CONFIG, metaflow_config_funcs.METAFLOW_LOCAL_CONFIG]


def known_settings() -> dict[str, Any]:
    """The settings that `read_settings` reads, without METAFLOW_, and the default of each."""
    found: dict[str, Any] = {}

    def ask(name: str, default: Any = None) -> Any:
        found[name] = default
        return configured(name, default)

    _read(ask, False, False, None, None)
    return {**found, "USER": _DEFAULT_USER, "DEFAULT_CONTAINER_IMAGE": None}


def _read(
    ask: Callable[..., Any], production: bool, code_package: bool, user: str | None, branch: str | None
) -> Settings:
    import metaflow

    configured_user = user or ask("USER")
    namespace = ask("KUBERNETES_NAMESPACE", "default")
    event_source = ask("ARGO_EVENTS_EVENT_SOURCE")
    outcome_source = ask("TRIGGERS_OUTCOME_EVENT_SOURCE")
    return Settings(
        user=configured_user or _DEFAULT_USER,
        user_is_configured=bool(configured_user),
        production=production,
        metaflow_version=metaflow.__version__,
        code_package=code_package,
        datastore_s3=_without_slash(ask("DATASTORE_SYSROOT_S3")),
        batch_job_queue=ask("BATCH_JOB_QUEUE"),
        batch_job_role=ask("ECS_S3_ACCESS_IAM_ROLE"),
        fargate_execution_role=ask("ECS_FARGATE_EXECUTION_ROLE"),
        batch_platform=ask("TRIGGERS_BATCH_PLATFORM", "EC2"),
        state_machine_role=ask("SFN_IAM_ROLE"),
        events_role=ask("EVENTS_SFN_ACCESS_IAM_ROLE"),
        starter_role=ask("TRIGGERS_STARTER_ROLE"),
        correlator_role=ask("TRIGGERS_CORRELATOR_ROLE"),
        scheduler_role=ask("TRIGGERS_SCHEDULER_ROLE"),
        poller_role=ask("TRIGGERS_POLLER_ROLE"),
        poll_machine_role=ask("TRIGGERS_POLL_MACHINE_ROLE"),
        s3_encryption=ask("S3_SERVER_SIDE_ENCRYPTION"),
        kms_key=ask("TRIGGERS_KMS_KEY"),
        log_group=ask("SFN_EXECUTION_LOG_GROUP_ARN"),
        alarm_topic=ask("TRIGGERS_ALARM_TOPIC"),
        dynamo_db_table=ask("SFN_DYNAMO_DB_TABLE"),
        state_machine_prefix=ask("SFN_STATE_MACHINE_PREFIX"),
        event_bus=ask("TRIGGERS_EVENT_BUS", "default"),
        event_source=ask("TRIGGERS_EVENT_SOURCE", "metaflow"),
        kubernetes_namespace=namespace,
        workflow_service_account=ask("KUBERNETES_SERVICE_ACCOUNT"),
        argo_event=ask("ARGO_EVENTS_EVENT", "metaflow-event"),
        argo_event_source=event_source or "metaflow-triggers",
        argo_event_source_is_ours=not event_source,
        argo_event_bus=ask("ARGO_EVENTS_EVENT_BUS", "default"),
        argo_sensor_namespace=ask("ARGO_EVENTS_SENSOR_NAMESPACE", namespace),
        argo_sensor_service_account=ask("ARGO_EVENTS_SERVICE_ACCOUNT"),
        argo_webhook_url=ask("ARGO_EVENTS_INTERNAL_WEBHOOK_URL") or ask("ARGO_EVENTS_WEBHOOK_URL"),
        argo_webhook_secret=ask("TRIGGERS_WEBHOOK_SECRET", "metaflow-triggers-webhook"),
        argo_webhook_tls_secret=ask("TRIGGERS_WEBHOOK_TLS_SECRET"),
        argo_webhook_ca_secret=ask("TRIGGERS_WEBHOOK_CA_SECRET"),
        argo_outcome_event=ask("TRIGGERS_OUTCOME_EVENT") or "metaflow-outcome",
        argo_outcome_event_source=outcome_source or "metaflow-triggers-outcomes",
        argo_outcome_event_source_is_ours=not outcome_source,
        argo_outcome_webhook_url=ask("TRIGGERS_OUTCOME_WEBHOOK_URL"),
        argo_outcome_secret=ask("TRIGGERS_OUTCOME_SECRET") or "metaflow-triggers-outcomes",
        argo_unproven_parents=ask("TRIGGERS_UNPROVEN_PARENTS"),
        argo_webhook_accepted=ask("TRIGGERS_WEBHOOK_ACCEPTED"),
        events_prefix=ask("NAMESPACED_EVENTS_PREFIX"),
        compatibility=ask("TRIGGERS_COMPAT"),
        project_id=ask("TRIGGERS_PROJECT_ID"),
        branch=branch,
    )


def _without_slash(root: str | None) -> str | None:
    return root.rstrip("/") if root else None


def datastore_root(settings: Settings) -> str:
    """What stands for the S3 datastore root while upstream compiles: a bucket, and a prefix unless it has none."""
    if settings.datastore_s3 and "/" not in settings.datastore_s3.removeprefix("s3://"):
        return _BUCKET
    return f"{_BUCKET}/{open_setting('DatastorePrefix')}"


def real_user() -> str | None:
    """The user's name as Metaflow finds it, the operating system's included (util.py:149); None for a bare root.

    Whatever user Metaflow was given to compile for (`config/mfextinit_triggers.py`), this is not that one.
    """
    from metaflow import metaflow_config
    from metaflow.util import get_username

    compiles_for = metaflow_config.USER
    metaflow_config.USER = configured("USER")
    try:
        user: str | None = get_username()
    finally:
        metaflow_config.USER = compiles_for
    return user


def act_as(user: str) -> None:
    """From now on Metaflow takes this for the user, here and in the processes that are started."""
    from metaflow import metaflow_config

    os.environ["METAFLOW_USER"] = user
    metaflow_config.USER = user
