"""FT507: an outcome that cannot prove where it comes from."""

SEVERITY = "note"
STRICT = True
SOURCE = "argo-workflows.md#who-may-say-that-a-run-has-ended"
RAISED = "backends/argo"
FINDS = """On Argo Workflows a flow waits for a flow that is not among those that are compiled together, and that no
version which proves outcomes has deployed, as far as is known: `create` asks the cluster, `compile` does not. Its
outcomes are taken from the event source where all events are published. `--strict` refuses it."""
WHY = """Who holds the token of that event source may publish that the flow has ended, and starts the one that waits.
The exit handler of a flow that metaflow-triggers deploys has an event source and a token of its own; one that Metaflow
alone deployed has not."""
BAD = "$ metaflow-triggers compile transform.py --external-flow DataIngestion"
GOOD = """
$ metaflow-triggers compile transform.py ingestion.py
$ METAFLOW_TRIGGERS_UNPROVEN_PARENTS=refuse metaflow-triggers compile transform.py --external-flow DataIngestion
"""
