"""FT772: looking into a dead-letter queue would move what is in it."""

SOURCE = "dead-letters.md#looking-changes-nothing"
RAISED = "backends"
FINDS = """The dead-letter queue of a flow has a redrive policy of its own. SQS counts each reading of a message, and
after so many it moves the message to another queue."""
WHY = "`dead-letters` promises that looking changes nothing, so it does not look into such a queue."
BAD = """
$ metaflow-triggers dead-letters list --backend step-functions --flow Report
error[FT772]: ...
"""
GOOD = """
$ aws sqs set-queue-attributes --queue-url https://sqs... --attributes RedrivePolicy=
$ metaflow-triggers dead-letters list --backend step-functions --flow Report
"""
