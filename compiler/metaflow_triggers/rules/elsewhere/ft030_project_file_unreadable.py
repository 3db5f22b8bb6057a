"""FT030: the project file cannot be read."""

SOURCE = "project-file.md#where-it-stands"
RAISED = "project_file"
FINDS = """`metaflow-triggers.toml`, or a `pyproject.toml` that has `[tool.metaflow-triggers]`, is no TOML, no regular
file, larger than 1 MiB, or not to be read; or one folder has both. Exit code 2."""
WHY = "What it says holds for every flow below it, so nothing can be compiled as it is meant."
LANGUAGE = "text"
BAD = """
# metaflow-triggers.toml
paths = [flows]
"""
GOOD = """
# metaflow-triggers.toml
paths = ["flows"]
"""
