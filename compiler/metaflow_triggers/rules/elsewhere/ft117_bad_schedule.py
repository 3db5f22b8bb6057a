"""FT117: bad schedule."""

SOURCE = "semantics.md#10-time"
RAISED = "reading/flow.py"
FINDS = """The `cron` of @schedule is not one of AWS's: six fields, minutes hours day-of-month month day-of-week year,
with `?` in exactly one of the two day fields; or the timezone is not in the IANA database. The caret stands under the
characters that are wrong. A warning with METAFLOW_TRIGGERS_COMPAT=upstream when the first five fields are good for
Argo."""
WHY = "The flow would never start, or at other times."
BAD = "@schedule(cron='0 9 * * 1 *')"
GOOD = "@schedule(cron='0 9 ? * MON *')"
