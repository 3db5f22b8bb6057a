"""FT501: the backend cannot wait for this set."""

SOURCE = "semantics.md#12-what-a-backend-refuses"
RAISED = "backends/argo/compile backends/step_functions/compile"
FINDS = """A trigger needs all of several dependencies in a way that the backend cannot keep. On Argo Workflows:
`join='queue'` (Argo Events keeps the newest event of each dependency only). On both clouds: `auto_map` where a required
parameter is mapped by none of the events."""
WHY = "Another way of pairing events starts other runs, or loses events."
BAD = "@trigger(events=['orders', 'prices'], require='all', options={'join': 'queue'})"
GOOD = "@trigger(events=['orders', 'prices'], require='all')          # the newest of each"
