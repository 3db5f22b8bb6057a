"""FT730: no flow of this name."""

SOURCE = "poll-triggers.md#looking-after-it"
RAISED = "engine/pauses.py"
FINDS = """`pause` or `resume` names a flow that no engine has served on this database, or one that several projects
have."""
WHY = "Nothing was changed."
BAD = "$ metaflow-triggers pause FileProcesor"
GOOD = "$ metaflow-triggers pause FileProcessor"
