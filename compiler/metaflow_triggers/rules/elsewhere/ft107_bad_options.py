"""FT107: bad `options`."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/options.py backends"
FINDS = """`options` is no dict, has an unknown key, or a value of a wrong form (`max_active` is a number from 1);
`reset_at` has a cron expression or a timezone that is not understood. Its cron has the five fields of Argo: Sunday is
0."""
WHY = "An option that is ignored is one that the user counts on."
BAD = "@trigger(event='data-ready', options={'automap': True})"
GOOD = "@trigger(event='data-ready', options={'auto_map': True})"
