"""FT726: `cloaca` has no such name here."""

SOURCE = "poll-triggers.md#files-that-import-cloaca"
RAISED = "poll/alias.py"
FINDS = "A file uses a name of `cloaca` other than `trigger`, `TriggerResult`, `Context` and `DefaultRunner`."
WHY = "Tasks and workflows are Metaflow's: steps and flows."
BAD = """
import cloaca

@cloaca.task()
def load(context): ...
"""
GOOD = """
class LoadFlow(FlowSpec):
    @step
    def start(self): ...
"""
