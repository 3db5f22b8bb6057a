"""FT126: the options of a flow's command line do not fit."""

SOURCE = "settings.md#options-of-a-flows-command-line"
RAISED = "reading/flow_options.py reading/one_flow.py"
FINDS = """A flow's command line refuses its options, in its own words; a Config has no value; an option of a command
over many flows is for a Config or a flow that is not there. `--config-value NAME VALUE`, `--config NAME FILE`,
`--environment` and `--with` are given to all flows (a Config to those that have it), `--flow-option 'FLOW=...'` to
one."""
WHY = "The flow cannot be read without them, so it would be missing from what is deployed."
BAD = """
class LoadFlow(FlowSpec):
    table = Config('table', required=True)

# $ metaflow-triggers compile flows
"""
GOOD = """
class LoadFlow(FlowSpec):
    table = Config('table', required=True)

# $ metaflow-triggers compile flows --config-value table '{"name": "orders"}'
"""
