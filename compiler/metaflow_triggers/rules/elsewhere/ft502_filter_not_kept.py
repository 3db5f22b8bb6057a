"""FT502: a filter that the backend cannot keep."""

SOURCE = "semantics.md#5-filters"
RAISED = "backends"
FINDS = """A `filter` with a condition that the backend does not know, or cannot decide exactly: on AWS
`equals-ignore-case` over an outcome's `error`, or a condition that no outcome of the flow can pass; and a pattern that
EventBridge refuses when `create` asks it (`events:TestEventPattern`), before anything is written, in its own words. A
note for a number beyond what EventBridge's guide promises to compare (-5e9 to 5e9, 15 digits, 6 of them after the
point): its matcher compares more."""
WHY = "The flow would start on events that the filter excludes, or not start on events that it lets through."
BAD = """
class Ingest(FlowSpec): ...

@trigger_on_finish(flow='Ingest', match='failure', filter={'error': [{'equals-ignore-case': 'x'}]})
"""
GOOD = """
class Ingest(FlowSpec): ...

@trigger_on_finish(flow='Ingest', match='failure', filter={'error': ['x', 'X']})
"""
