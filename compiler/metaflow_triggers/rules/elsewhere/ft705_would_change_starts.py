"""FT705: create would change what starts a deployed flow."""

SOURCE = "semantics.md#13-existing-users"
RAISED = "backends"
FINDS = """Metaflow deployed this flow without us, and something that starts it today would be another thing after
`create`: its schedule, which of several flows it waits for, the parameters that an event fills, the name of an event,
or a rule that somebody made by hand for an event that the flow now names."""
WHY = "Installing a package must not change what already runs. Nothing was deployed."
BAD = """
$ python flow.py step-functions create
error[FT705]: ... would start at cron(0 6 * * ? *) (UTC); today it starts at cron(0 0 * * ? *) (UTC)
"""
GOOD = "$ python flow.py step-functions create --accept-changes"
