"""FT303: a parameter is mapped twice."""

SOURCE = "semantics.md#2-trigger"
FINDS = """One event maps a parameter twice, or two dependencies of a trigger that needs *all* map the same one. Within
*any* each event starts a run of its own and may map the same parameter."""
WHY = "One of the two values would be lost, and nothing says which."
BAD = "@trigger(event={'name': 'signup', 'parameters': [('user_id', 'id'), ('user_id', 'userId')]})"
GOOD = "@trigger(event={'name': 'signup', 'parameters': [('user_id', 'userId')]})"
