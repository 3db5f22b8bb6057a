"""FT724: our `cloaca` takes the place of an installed one."""

SEVERITY = "note"
SOURCE = "poll-triggers.md#files-that-import-cloaca"
RAISED = "reading/one_file.py"
FINDS = """A file imports `cloaca`, and a package of that name is installed. While our commands read or run the file,
the name means poll triggers of metaflow-triggers."""
WHY = "The installed package keeps its triggers to itself: nothing could be read from it."
BAD = "import cloaca"
GOOD = "import metaflow_triggers.poll as cloaca"
