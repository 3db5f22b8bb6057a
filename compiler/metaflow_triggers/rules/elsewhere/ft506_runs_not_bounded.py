"""FT506: the backend cannot bound the runs of a flow."""

SOURCE = "semantics.md#12-what-a-backend-refuses"
RAISED = "backends/argo/compile backends/step_functions/compile"
FINDS = """`options={'max_active': ...}` of a trigger, for a backend that cannot let further starts wait. Step Functions
has nothing that holds an execution back. Argo Workflows has a mutex, so it keeps 1 (version 3.6 or newer); more would
need an object that counts."""
WHY = "More runs than the flow can stand would work at once, or starts would be lost."
BAD = "@trigger(event='orders', options={'max_active': 3})      # on step-functions"
GOOD = "@trigger(event='orders')          # and let the step that cannot stand it take a lock of its own"
