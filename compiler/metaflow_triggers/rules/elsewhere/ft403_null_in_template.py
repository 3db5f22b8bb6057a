"""FT403: null in a template."""

SOURCE = "semantics.md#12-what-a-backend-refuses"
RAISED = "backends/step_functions/verify"
FINDS = "An emitted CloudFormation template holds a null."
WHY = "CloudFormation refuses the whole template for it, and its message does not say where the null is."
LANGUAGE = "json"
BAD = '{"Type": "Task", "ResultPath": null}'
GOOD = '{"Type": "Task", "ResultPath": "$.discarded"}'
