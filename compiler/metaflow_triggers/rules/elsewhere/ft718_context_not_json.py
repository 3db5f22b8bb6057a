"""FT718: a context takes JSON values only."""

SOURCE = "poll-triggers.md#trigger"
RAISED = "poll/context.py"
FINDS = """A value without a JSON text of its own: a set, bytes, a date, NaN, an integer beyond 64 bits, NUL or a lone
surrogate in a text, a key that is no text. A tuple becomes a list."""
WHY = "It would arrive changed, or not at all."
BAD = "TriggerResult.fire(Context({'seen_at': datetime.now()}))"
GOOD = "TriggerResult.fire(Context({'seen_at': datetime.now().isoformat()}))"
