"""FT001: the extension is not in charge."""

SOURCE = "existing-users.md#beside-other-extensions"
RAISED = "seams/shape.py"
FINDS = """Another definition of a decorator or a command is active in place of ours, or ours did not load. Metaflow
keeps the last definition of a name and only warns when an extension fails to load."""
WHY = "A flow would be deployed by somebody else's rules: without its triggers, or with other ones."
BAD = """
$ python flow.py step-functions create
# another installed extension also defines @trigger and was loaded later
"""
GOOD = """
$ pip list | grep -i metaflow      # see which extensions are installed
$ pip uninstall the-other-extension
"""
