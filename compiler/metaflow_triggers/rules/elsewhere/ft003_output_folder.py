"""FT003: the output folder cannot be used."""

SOURCE = "step-functions.md#aws-step-functions"
RAISED = "compiling/folder.py compiling/compare.py compiling/whole_file.py commands/flow.py commands/packages.py"
FINDS = """The folder given with `--output` cannot be written, is no folder, or holds files and no
`metaflow-triggers.json` of ours."""
WHY = """Files that a compiled flow no longer emits are removed from the folder, so one that is not ours is left alone.
What belongs to a flow of a file that was not given stays, and is named. The check comes before the first byte is
written."""
BAD = "$ metaflow-triggers compile flows --output ."
GOOD = "$ metaflow-triggers compile flows --output manifests"
