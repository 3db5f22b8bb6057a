"""FT514: a poll trigger in a file that does not travel with its flow."""

SEVERITY = "error"
SOURCE = "poll-triggers.md#in-a-cluster"
RAISED = "backends/declared.py"
FINDS = "A poll trigger, compiled for a cloud, in a file that is not below the folder of the file of its flow."
WHY = "The poller has the code package of the flow, into which Metaflow packs that folder and nothing beside it."
BAD = """
flows/score/flow.py       # class ScoreFlow
triggers/polls.py         # @trigger(workflow="ScoreFlow")
"""
GOOD = """
flows/score/flow.py       # class ScoreFlow
flows/score/polls.py      # @trigger(workflow="ScoreFlow")
"""
