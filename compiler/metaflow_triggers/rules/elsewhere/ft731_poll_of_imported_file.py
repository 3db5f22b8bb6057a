"""FT731: a poll trigger of an imported file."""

SEVERITY = "note"
SOURCE = "poll-triggers.md#files-that-import-cloaca"
RAISED = "reading/polls.py"
FINDS = "A file imports another one that declares poll triggers, and the command was not given that one."
WHY = "A trigger belongs to the file that declares it; otherwise it would be polled once for each file that imports it."
BAD = "$ metaflow-triggers run flow.py                 # it says: import polls"
GOOD = "$ metaflow-triggers run flow.py polls.py"
