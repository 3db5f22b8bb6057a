"""FT774: a backend tells nothing of what could not start a flow."""

SOURCE = "dead-letters.md#which-letters"
RAISED = "commands/dead_letters.py"
FINDS = "`dead-letters` was asked about a backend that has no dead letters to show."
WHY = "What could not start a flow may be kept there all the same: its own documentation says where."
BAD = "$ metaflow-triggers dead-letters list --backend another"
GOOD = "$ metaflow-triggers dead-letters list --backend step-functions"
