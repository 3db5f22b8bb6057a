"""FT505: the schedule cannot be expressed."""

SOURCE = "semantics.md#10-time"
RAISED = "backends/argo/compile backends/step_functions/compile"
FINDS = """A cron expression of @schedule that the backend cannot keep. Argo Workflows knows five fields: no `L`, `W`,
`#`, no year. A warning with METAFLOW_TRIGGERS_COMPAT=upstream: what Metaflow alone deploys is deployed, also where Argo
cannot read it. And a warning for a `reset_at` that a Sensor does not keep through a change of the clocks: its first
dates are told."""
WHY = "A schedule that is cut to what the backend knows fires at other times."
BAD = "@schedule(cron='0 8 ? * MON#1 *')"
GOOD = "@schedule(daily=True)"
