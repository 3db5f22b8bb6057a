"""FT125: a path is not read."""

SOURCE = "reading.md#what-is-read-and-what-a-flow-is"
RAISED = "reading/files.py seams/code_package.py"
FINDS = """A path is no regular file (a device, a pipe, a socket), is larger than 1 MiB, or may not be read. Below a
folder it is a warning, and the other files are compiled; where the code package would have to hold it (of any size), it
is an error."""
WHY = "Reading a device or a pipe may never end; a flow in a file that is left out would be missing silently."
BAD = """
$ ln -s /dev/zero flows/load.py
$ metaflow-triggers check flows
"""
GOOD = """
$ rm flows/load.py
$ metaflow-triggers check flows
"""
