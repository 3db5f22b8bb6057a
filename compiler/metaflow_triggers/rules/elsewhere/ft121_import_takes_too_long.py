"""FT121: the file did not finish importing in time."""

SOURCE = "reading.md#what-is-read-and-what-a-flow-is"
RAISED = "reading/child_process.py"
FINDS = "Importing a flow file took longer than the limit; it was ended. The other files are compiled."
WHY = "A file that waits on import (for a server, for input) would wait in every task of every run too."
BAD = """
connection = connect_to_warehouse()     # at the top of the file

class LoadFlow(FlowSpec): ...
"""
GOOD = """
class LoadFlow(FlowSpec):
    @step
    def start(self):
        connection = connect_to_warehouse()
        self.next(self.end)
"""
