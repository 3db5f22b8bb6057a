"""FT753: the folder for logs cannot be used."""

SOURCE = "local.md#run-and-emit"
RAISED = "engine/serve.py"
FINDS = "`--logs` names something that is no folder, or one that cannot be written to."
WHY = "The output of every run would be lost."
BAD = "$ metaflow-triggers run flows --logs /etc/hostname"
GOOD = "$ metaflow-triggers run flows --logs logs"
