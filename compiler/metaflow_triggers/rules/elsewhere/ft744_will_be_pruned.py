"""FT744: an older database will be pruned."""

SEVERITY = "note"
SOURCE = "local.md#what-is-kept-and-how-long"
RAISED = "engine/serve.py"
FINDS = """The database was made before the engine pruned anything. A day after an engine has said so first, payloads,
logs and finished starts go when they are older than 30 days, and the oldest when they are more than 2 GiB. Ids stay, as
hashes: nothing starts twice."""
WHY = "Without it the file grows for ever."
BAD = "$ metaflow-triggers run flows       # after an upgrade"
GOOD = "$ metaflow-triggers retain --days 365 --size 20GiB      # what is set holds at once"
