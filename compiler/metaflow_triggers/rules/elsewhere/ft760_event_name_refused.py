"""FT760: no name of an event."""

SOURCE = "semantics.md#8-names"
RAISED = "engine/accept.py"
FINDS = """The name given to `emit` is empty, has more than 128 characters, or one other than letters, digits, `_`, `.`
and `-`; or it is a name of outcomes, `metaflow.outcome.*` or `metaflow.*.end`. Nothing was stored or sent."""
WHY = """No flow can wait for such a name, so the event would be lost. How a run ended is said by the run itself: on
Argo such an event would start the flows that wait for that run."""
BAD = "$ metaflow-triggers emit 'order placed'"
GOOD = "$ metaflow-triggers emit order-placed"
