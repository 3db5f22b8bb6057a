"""FT305: a required parameter is left unfilled by @schedule."""

SOURCE = "semantics.md#6-values"
FINDS = "A flow with @schedule has a parameter that is required and has no default."
WHY = "A schedule gives no values, so no scheduled run could start."
BAD = """
@schedule(daily=True)
class ReportFlow(FlowSpec):
    day = Parameter('day', required=True)
"""
GOOD = """
@schedule(daily=True)
class ReportFlow(FlowSpec):
    day = Parameter('day', default='yesterday')
"""
