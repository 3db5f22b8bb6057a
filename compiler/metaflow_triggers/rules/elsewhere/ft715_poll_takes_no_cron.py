"""FT715: a poll trigger takes no cron."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/declare.py"
FINDS = "`cron` or `timezone` in the arguments of a poll trigger."
WHY = "A schedule needs no poll: Metaflow has @schedule."
BAD = """
@trigger(workflow='NightlyReport', cron='0 3 * * *')
def nightly(): ...
"""
GOOD = """
@schedule(cron='0 3 * * ? *')
class NightlyReport(FlowSpec): ...
"""
