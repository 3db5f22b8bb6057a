"""FT510: the backend cannot run the flow."""

SOURCE = "semantics.md#12-what-a-backend-refuses"
RAISED = "backends/step_functions/compile reading/prepared.py"
FINDS = """The flow uses something that Metaflow's compiler for this backend refuses, for example @parallel, @exit_hook
or a switch step. Its message is quoted."""
WHY = "The triggers could be deployed, the flow that they start could not."
BAD = "self.next(self.train, num_parallel=4)      # on step-functions"
GOOD = "self.next(self.train, foreach='shards')"
