"""FT113: several dependencies without `require`."""

SEVERITY = "note"
SOURCE = "semantics.md#2-trigger"
FINDS = """A trigger with several events or flows does not say whether any one of them starts the flow or all are
needed. The note says which was taken."""
WHY = "Several events mean *all* and several flows mean *any* by default: easy to take for one another."
BAD = "@trigger_on_finish(flows=['Left', 'Right'])"
GOOD = "@trigger_on_finish(flows=['Left', 'Right'], require='any')"
