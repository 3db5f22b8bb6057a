"""FT508: runs are given no rights."""

SEVERITY = "note"
SOURCE = "argo-workflows.md#deploying"
RAISED = "backends/argo"
FINDS = """No setting names the account of runs on Argo Workflows, so that the Role `metaflow-triggers-run` is bound to
none, and events start some of the flows. `create` says it only where the cluster has no such binding of an earlier
version."""
WHY = """A run that an event started reads the event from its own Workflow object; without the right to it fails before
the first step. The namespace's `default` account is no place for rights unasked: every pod there that names no account
would have them."""
BAD = "$ metaflow-triggers compile flows --backend argo-workflows"
GOOD = "$ METAFLOW_KUBERNETES_SERVICE_ACCOUNT=flows metaflow-triggers compile flows --backend argo-workflows"
