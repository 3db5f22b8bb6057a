"""FT009: an installed backend cannot be used."""

SOURCE = "architecture.md#a-backend-of-another-package"
RAISED = "backends/registry.py compiling/compile.py"
FINDS = """A package that gives a backend (an entry point in the group `metaflow_triggers.backends`) does not import,
is no description of a backend, lacks a part that every backend has, has the name of another one, names a file
outside of its own folder, or raises an exception. A warning where the backend was not asked for: the others are
compiled."""
WHY = "Nothing could be compiled for it. The package is somebody else's, so it is named."
LANGUAGE = "console"
BAD = "$ metaflow-triggers compile flows --backend airship   # its package imports a module that is gone"
GOOD = """
$ pip install --upgrade airship-backend
$ metaflow-triggers compile flows --backend airship
"""
