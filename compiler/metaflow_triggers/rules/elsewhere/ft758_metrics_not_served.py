"""FT758: no metrics can be served."""

SOURCE = "local.md#metrics"
RAISED = "engine/metrics/endpoint.py"
FINDS = """Another process has the port of `run --metrics`, its host is none of this machine, or the package
`prometheus_client` is not installed. Nothing was started."""
WHY = "An engine that was asked for metrics and has none would look as if nothing happened."
BAD = """
$ pip install metaflow-triggers
$ metaflow-triggers run flows --metrics 127.0.0.1:9464
"""
GOOD = """
$ pip install 'metaflow-triggers[metrics]'
$ metaflow-triggers run flows --metrics 127.0.0.1:9464
"""
