"""FT401: a name does not fit the backend."""

SOURCE = "semantics.md#8-names"
RAISED = "backends/argo/compile backends/step_functions/compile"
FINDS = "A deployed or derived name is longer than the backend takes, or has characters that it does not take."
WHY = "The backend refuses the object, or cuts the name so that two become one."
BAD = "class RecomputeTheLifetimeValuesOfAllOurCustomersFlow(FlowSpec): ...      # on argo-workflows"
GOOD = "class RecomputeFlow(FlowSpec): ..."
