"""FT032: a value of the project file does not fit its key."""

SOURCE = "project-file.md#keys"
RAISED = "project_file"
FINDS = """A value is of another kind than its key takes, names what is not there, lies outside of the file's folder, is
said twice, or is a secret. All such mistakes of a file are told at once. Exit code 2."""
WHY = "What is meant cannot be known; what is committed is read by many."
LANGUAGE = "text"
BAD = """
# metaflow-triggers.toml
production = "yes"
"""
GOOD = """
# metaflow-triggers.toml
production = true
"""
