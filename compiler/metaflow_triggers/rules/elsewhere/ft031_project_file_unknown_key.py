"""FT031: the project file has an unknown key."""

SOURCE = "project-file.md#keys"
RAISED = "project_file"
FINDS = "A key of the project file, or of one of its profiles, is none that there is. Exit code 2."
WHY = "What is meant by it would not be done, and nobody would know."
LANGUAGE = "text"
BAD = """
# metaflow-triggers.toml
external-event = ["order-placed"]
"""
GOOD = """
# metaflow-triggers.toml
external-events = ["order-placed"]
"""
