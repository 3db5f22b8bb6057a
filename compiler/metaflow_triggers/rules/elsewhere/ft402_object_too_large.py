"""FT402: an emitted object is larger than the backend takes."""

SOURCE = "step-functions.md#limits-today"
RAISED = "backends/step_functions/compile backends/step_functions/verify"
FINDS = "A template, a definition or a manifest is larger than the backend's limit. Size and limit are named."
WHY = "The deployment would be refused after parts of it were made."
BAD = "# one flow with several hundred steps"
GOOD = """
# two flows, the second with
@trigger_on_finish(flow='FirstHalf')
"""
