"""FT122: the file called sys.exit."""

SOURCE = "reading.md#what-is-read-and-what-a-flow-is"
RAISED = "reading/child_process.py reading/one_file.py"
FINDS = "Importing a flow file ended the interpreter. The other files are compiled."
WHY = "The flows of this file were never seen."
BAD = """
class LoadFlow(FlowSpec): ...

LoadFlow()
"""
GOOD = """
class LoadFlow(FlowSpec): ...

if __name__ == '__main__':
    LoadFlow()
"""
