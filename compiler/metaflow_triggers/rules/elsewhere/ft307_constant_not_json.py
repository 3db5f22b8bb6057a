"""FT307: a constant is not JSON."""

SOURCE = "semantics.md#2-trigger"
RAISED = "reading/mapping.py"
FINDS = """A constant of a mapping has no JSON text: NaN, infinity, a set, bytes, a key that is no string, a lone
surrogate."""
WHY = "Constants stand in reviewed manifests and travel as JSON; what has no text cannot arrive unchanged."
ALSO = "FT114"
BAD = "@trigger(event={'name': 'signup', 'parameters': {'limit': {'value': float('inf')}}})"
GOOD = "@trigger(event={'name': 'signup', 'parameters': {'limit': {'value': 1e9}}})"
