"""FT201: a trigger waits for an unknown flow."""

SOURCE = "semantics.md#4-trigger_on_finish"
FINDS = "A flow waits for a flow of a name, project and branch that no file of the command defines."
WHY = "The flow deploys cleanly and then never starts."
BAD = """
class ScoreFlow(FlowSpec): ...

@trigger_on_finish(flow='ScoreFlw')
"""
GOOD = """
class ScoreFlow(FlowSpec): ...

@trigger_on_finish(flow='ScoreFlow')
"""
