"""Plugins: what Metaflow registers of ours. A name of Metaflow's replaces Metaflow's.

In:   nothing.
Out:  lists of (name, class path relative to this package) that Metaflow reads.

Not here: imports of what may fail. An error here would disable every extension's plugins.
"""

from metaflow.metaflow_config import TRIGGERS_INSTALLED_BACKENDS as __TRIGGERS_INSTALLED_BACKENDS
from metaflow.metaflow_config import TRIGGERS_NO_DATASTORE as __TRIGGERS_NO_DATASTORE

from .backends import BACKENDS as __BACKENDS

CLIS_DESC = [
    *((name, backend.group) for name, backend in __BACKENDS.items()),
    *((name, f".installed_groups.group-of-{name}") for name in __TRIGGERS_INSTALLED_BACKENDS),
    ("metaflow-triggers", ".reading_cli.cli"),
]

FLOW_DECORATORS_DESC = [
    ("trigger", ".decorators.TriggerDecorator"),
    ("trigger_on_finish", ".decorators.TriggerOnFinishDecorator"),
    ("project", ".project_decorator.ProjectDecorator"),
]

STEP_DECORATORS_DESC = [
    *(backend.decorator for backend in __BACKENDS.values()),
    ("triggers_local_internal", ".local_decorator.LocalInternalDecorator"),
]

TL_PLUGINS_DESC = [
    ("emit_event", ".emit_event.emit_event"),
    ("namespaced_event_name", ".namespaced_events.namespaced_event_name"),
]

__mf_promote_submodules__ = ["namespaced_events"]

DATASTORES_DESC = [("s3", ".offline_datastore.OfflineS3Storage")] if __TRIGGERS_NO_DATASTORE else []
