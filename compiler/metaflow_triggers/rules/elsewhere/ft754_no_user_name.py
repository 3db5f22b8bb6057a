"""FT754: Metaflow needs a user name."""

SOURCE = "settings.md#both-backends"
RAISED = "commands/run.py"
FINDS = """The engine would run flows, and neither the operating system nor METAFLOW_USER says for whom. Metaflow takes
no `root`."""
WHY = "Every run would fail as it begins."
BAD = """
# as root, in a container
$ metaflow-triggers run flows
"""
GOOD = "$ METAFLOW_USER=me metaflow-triggers run flows"
