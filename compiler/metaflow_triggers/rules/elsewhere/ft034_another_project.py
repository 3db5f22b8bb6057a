"""FT034: a flow belongs to another project."""

SOURCE = "project-file.md#where-it-stands"
RAISED = "reading/paths.py"
FINDS = """A command over many flows comes upon flow files that have another project file than the command: one stands
in a folder between them and its PATHS."""
WHY = "`python FLOW` takes the nearest project file, so the two would compile one flow with other settings."
LANGUAGE = "text"
BAD = """
metaflow-triggers.toml
flows/orders.py
vendored/shop/pyproject.toml      # has [tool.metaflow-triggers]
vendored/shop/flow.py             # `metaflow-triggers check .` finds it
"""
GOOD = """
metaflow-triggers.toml            # paths = ["flows"]
flows/orders.py
vendored/shop/pyproject.toml
vendored/shop/flow.py
"""
