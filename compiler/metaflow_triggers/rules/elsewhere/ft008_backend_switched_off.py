"""FT008: the backend is switched off."""

SOURCE = "existing-users.md#beside-other-extensions"
RAISED = "seams/switches.py"
FINDS = """Another extension, or the configuration, switches this backend of Metaflow off: its commands, or the
decorators that its tasks need. A note where the backend was not asked for: the others are compiled."""
WHY = "Nothing of Metaflow's is there that could be deployed."
BAD = """
$ python flow.py step-functions create
# an installed extension has TOGGLE_CLI = ['-step-functions']
"""
GOOD = "$ metaflow-triggers compile flows --backend argo-workflows --output manifests"
