"""FT104: bad event name."""

SOURCE = "semantics.md#8-names"
RAISED = "reading/dependency.py"
FINDS = "An event name that is not 1 to 128 of the characters `A-Z a-z 0-9 _ . -`."
WHY = "Other characters are not carried alike by every backend, so publisher and flow would miss each other."
BAD = "@trigger(event='order placed')"
GOOD = "@trigger(event='order-placed')"
