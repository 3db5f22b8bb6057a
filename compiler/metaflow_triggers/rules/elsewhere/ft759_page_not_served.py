"""FT759: the engine's page cannot be served."""

SOURCE = "page.md#what-it-costs-what-goes-wrong"
RAISED = "engine/page/address.py engine/page/beside.py"
FINDS = """Another process has the port of `run --ui`, the package `aiohttp` is not installed, or the process that
serves the page has ended at once. Nothing was started."""
WHY = "An engine that was asked for its page and has none would look as if nothing happened."
BAD = """
$ pip install metaflow-triggers
$ metaflow-triggers run flows --ui
"""
GOOD = """
$ pip install 'metaflow-triggers[ui]'
$ metaflow-triggers run flows --ui
"""
