"""FT203: flows start each other in a circle."""

SOURCE = "semantics.md#7-when-a-flow-starts"
FINDS = """Following @trigger_on_finish from flow to flow leads back to where it began. Where going round takes a run
that does not succeed, so that success ends the circle, it is a warning."""
WHY = "One start is followed by starts without end, and each of them costs money."
BAD = """
@trigger_on_finish(flow='TrainFlow')
class ScoreFlow(FlowSpec): ...

@trigger_on_finish(flow='ScoreFlow')
class TrainFlow(FlowSpec): ...
"""
GOOD = """
@trigger_on_finish(flow='TrainFlow')
class ScoreFlow(FlowSpec): ...

@schedule(daily=True)
class TrainFlow(FlowSpec): ...
"""
