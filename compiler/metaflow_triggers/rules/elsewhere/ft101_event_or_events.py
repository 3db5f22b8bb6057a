"""FT101: both or neither of `event` and `events`."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/trigger.py"
FINDS = """A @trigger with both `event` and `events`, or with neither; a @trigger_on_finish with both `flow` and
`flows`, or with neither. An empty `events=[]` beside `event=` counts as absent."""
WHY = "With both, one of the two would have to be dropped; with neither, nothing starts the flow."
BAD = "@trigger(event='data-ready', events=['data-updated'])"
GOOD = "@trigger(events=['data-ready', 'data-updated'], require='any')"
