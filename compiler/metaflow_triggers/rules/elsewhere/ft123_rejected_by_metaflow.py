"""FT123: Metaflow rejects the flow."""

SOURCE = "semantics.md#12-what-a-backend-refuses"
RAISED = "reading/one_flow.py reading/read.py seams/environment.py"
FINDS = """Metaflow itself refuses the flow: its graph, its parameters or one of its decorators; or what it runs of the
flow's own code to prepare it (a mutator) raised. The message is quoted."""
WHY = "`python flow.py run` fails with the same message."
BAD = """
class LoadFlow(FlowSpec):
    @step
    def start(self):
        pass        # leads nowhere
"""
GOOD = """
class LoadFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
