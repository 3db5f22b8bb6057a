"""FT127: the file runs another flow."""

SEVERITY = "warning"
SOURCE = "semantics.md#1-words"
RAISED = "reading/one_flow.py"
FINDS = """`if __name__ == '__main__':` of the file names other flows, and this one, which carries a trigger, a schedule
or @project, is not among them."""
WHY = """What is deployed runs `python FILE` in each task: the tasks of this flow would run the steps of the other one.
The engine on this machine refuses such a run when it begins."""
BAD = """
class LoadFlow(FlowSpec): ...

@trigger_on_finish(flow='LoadFlow')
class ReportFlow(FlowSpec): ...

if __name__ == '__main__':
    LoadFlow()
"""
GOOD = """
# load.py
class LoadFlow(FlowSpec): ...

if __name__ == '__main__':
    LoadFlow()

# report.py
@trigger_on_finish(flow='LoadFlow')
class ReportFlow(FlowSpec): ...

if __name__ == '__main__':
    ReportFlow()
"""
