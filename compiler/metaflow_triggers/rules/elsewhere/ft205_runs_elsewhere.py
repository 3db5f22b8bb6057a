"""FT205: a flow waits for one that runs elsewhere."""

SOURCE = "settings.md#options-of-a-flows-command-line"
RAISED = "compiling/compile.py"
FINDS = """A flow waits for the end of another, and the steps of the two ask for different backends: `@batch` for
step-functions, `@kubernetes` for argo-workflows. A flow that asks for one is compiled for that one, unless `--backend`
names one for all. A warning where the two have a backend in common."""
WHY = "An outcome is told on the backend where the flow runs, so the waiting flow would never start."
BAD = """
class Load(FlowSpec):
    @batch
    @step
    def start(self): ...

@trigger_on_finish(flow='Load')
class Report(FlowSpec):
    @kubernetes
    @step
    def start(self): ...
"""
GOOD = """
class Load(FlowSpec):
    @kubernetes
    @step
    def start(self): ...

@trigger_on_finish(flow='Load')
class Report(FlowSpec):
    @kubernetes
    @step
    def start(self): ...
"""
