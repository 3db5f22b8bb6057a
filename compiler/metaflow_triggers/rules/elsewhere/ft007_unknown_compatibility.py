"""FT007: unknown compatibility."""

SOURCE = "existing-users.md#where-the-meaning-is-not-metaflows"
RAISED = "reading/flow.py"
FINDS = "METAFLOW_TRIGGERS_COMPAT has a value other than `upstream`."
WHY = "A misspelt value would deploy other starts than the ones that were asked for."
BAD = "$ METAFLOW_TRIGGERS_COMPAT=upstraem metaflow-triggers compile flows"
GOOD = "$ METAFLOW_TRIGGERS_COMPAT=upstream metaflow-triggers compile flows"
