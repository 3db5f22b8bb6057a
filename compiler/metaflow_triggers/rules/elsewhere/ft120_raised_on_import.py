"""FT120: the file raised on import."""

SOURCE = "reading.md#what-is-read-and-what-a-flow-is"
RAISED = "reading/one_file.py reading/project.py"
FINDS = """Importing a flow file raised an exception, or the file is not valid Python. The exception and its place in
the file are shown; the other files are compiled."""
WHY = "What cannot be imported cannot be deployed."
BAD = """
import jsom

class ReportFlow(FlowSpec): ...
"""
GOOD = """
import json

class ReportFlow(FlowSpec): ...
"""
