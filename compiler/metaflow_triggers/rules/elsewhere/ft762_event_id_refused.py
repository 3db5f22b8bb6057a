"""FT762: no id of an event."""

SOURCE = "local.md#run-and-emit"
RAISED = "engine/accept.py"
FINDS = """The id given to `emit` is empty, has more than 128 characters, or one other than letters, digits, `_`, `.`,
`:` and `-`. Nothing was stored or sent. `trail` takes every id that can be printed, of 1 to 1024 characters: also those
of runs, and those that others have given."""
WHY = "The id is what makes an event start a flow once; it has to travel unchanged on every backend."
BAD = "$ metaflow-triggers emit order-placed --id 'order 7'"
GOOD = "$ metaflow-triggers emit order-placed --id order-7"
