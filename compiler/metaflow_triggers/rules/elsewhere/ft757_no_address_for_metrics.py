"""FT757: what `--metrics` names is no address."""

SOURCE = "local.md#metrics"
RAISED = "engine/metrics/endpoint.py"
FINDS = "`run --metrics` was given something that is not HOST:PORT. Nothing was started."
WHY = "Nobody could be told where the engine's metrics are."
BAD = "$ metaflow-triggers run flows --metrics 9464"
GOOD = "$ metaflow-triggers run flows --metrics 127.0.0.1:9464"
