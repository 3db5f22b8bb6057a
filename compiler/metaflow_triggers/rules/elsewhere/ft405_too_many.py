"""FT405: more of a kind than the backend takes."""

SOURCE = "semantics.md#12-what-a-backend-refuses"
RAISED = "backends/argo/verify backends/step_functions/compile"
FINDS = """More rules, targets or dependencies than the backend takes. Number and quota are named. On Argo Workflows the
Sensor's pod gets its Sensor in one environment string of 131,072 bytes."""
WHY = "The deployment would be refused after parts of it were made."
BAD = "@trigger(events=[f'sensor-{i}' for i in range(2000)], require='any')"
GOOD = "@trigger(event='sensor-reading')      # one name; the sensor's number in the payload"
