"""FT124: the file does too much of something while it is read."""

SOURCE = "reading.md#what-is-read-and-what-a-flow-is"
RAISED = "reading/child_process.py"
FINDS = """A flow file printed more than 16 MiB while it was imported, or more arrived of what it defines than any file
can define; it was ended. The other files are compiled."""
WHY = "What a file prints on import it prints in every task of every run too."
BAD = """
for row in table:       # at the top of the file
    print(row)

class LoadFlow(FlowSpec): ...
"""
GOOD = """
class LoadFlow(FlowSpec):
    @step
    def start(self):
        for row in table:
            print(row)
        self.next(self.end)
"""
