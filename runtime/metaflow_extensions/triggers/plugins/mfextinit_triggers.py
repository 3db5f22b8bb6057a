"""Plugins: what Metaflow registers of ours. A name of Metaflow's replaces Metaflow's.

In:   nothing.
Out:  lists of (name, class path relative to this package) that Metaflow reads.

Not here: imports of ours. An error here would disable every extension's plugins.
"""

from metaflow.metaflow_config import TRIGGERS_NO_DATASTORE as __TRIGGERS_NO_DATASTORE

CLIS_DESC = [
    ("step-functions", ".step_functions_cli.cli"),
    ("argo-workflows", ".argo_workflows_cli.cli"),
    ("metaflow-triggers", ".reading_cli.cli"),
]

FLOW_DECORATORS_DESC = [
    ("trigger", ".decorators.TriggerDecorator"),
    ("trigger_on_finish", ".decorators.TriggerOnFinishDecorator"),
    ("project", ".project_decorator.ProjectDecorator"),
]

STEP_DECORATORS_DESC = [
    ("step_functions_internal", ".internal_decorators.StepFunctionsInternalDecorator"),
    ("argo_workflows_internal", ".internal_decorators.ArgoWorkflowsInternalDecorator"),
    ("triggers_local_internal", ".local_decorator.LocalInternalDecorator"),
]

TL_PLUGINS_DESC = [
    ("emit_event", ".emit_event.emit_event"),
    ("namespaced_event_name", ".namespaced_events.namespaced_event_name"),
]

__mf_promote_submodules__ = ["namespaced_events"]

DATASTORES_DESC = [("s3", ".offline_datastore.OfflineS3Storage")] if __TRIGGERS_NO_DATASTORE else []
