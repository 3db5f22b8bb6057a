"""FT105: named twice in one trigger."""

SOURCE = "semantics.md#2-trigger"
FINDS = """One trigger names the same event twice with the same filter and the same mapping, or the same flow twice for
an outcome that both cover; also when the names come from callables. One event may stand several times with other
filters or mappings: with *any* the first that it matches counts, with *all* it fills each. It has one `origin`."""
WHY = """The second of the two says nothing new: with *any* it never counts, with *all* the trigger waits for less than
it seems to."""
BAD = "@trigger(events=['data-ready', 'data-ready'], require='any')"
GOOD = "@trigger(event='data-ready')"
