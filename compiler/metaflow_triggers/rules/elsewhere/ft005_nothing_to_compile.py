"""FT005: nothing to compile."""

SOURCE = "reading.md#what-a-flow-is"
RAISED = "reading/files.py reading/one_file.py commands/manage.py"
FINDS = "A path does not exist, cannot be read, or holds no class derived from FlowSpec."
WHY = "An empty result that looks like success hides a misspelt path, most of all in CI."
BAD = "$ metaflow-triggers compile flow/"
GOOD = "$ metaflow-triggers compile flows/"
