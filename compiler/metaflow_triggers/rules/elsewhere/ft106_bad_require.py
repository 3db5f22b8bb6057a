"""FT106: bad `require`."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/trigger.py"
FINDS = "A `require` that is neither 'any' nor 'all'."
WHY = "Whether one event starts the flow or all are needed is too much to guess."
ALSO = "FT113"
BAD = "@trigger(events=['orders', 'prices'], require='both')"
GOOD = "@trigger(events=['orders', 'prices'], require='all')"
