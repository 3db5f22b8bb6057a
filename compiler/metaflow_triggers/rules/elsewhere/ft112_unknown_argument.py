"""FT112: unknown argument of a decorator."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/trigger.py"
FINDS = "A keyword that @trigger or @trigger_on_finish does not know, or an argument without a keyword."
WHY = "An argument that is ignored is one that the user counts on."
BAD = "@trigger(event='data-ready', on='any')"
GOOD = "@trigger(event='data-ready', require='any')"
