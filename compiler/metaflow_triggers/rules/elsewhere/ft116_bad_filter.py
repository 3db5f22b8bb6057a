"""FT116: bad filter."""

SOURCE = "semantics.md#5-filters"
RAISED = "reading/values.py"
FINDS = """A `filter` that is no content pattern: an unknown operator, an operand of a wrong kind, an empty list, a
value outside of a list, a numeric range without numbers in it, or one of EventBridge's operators that not every backend
can say (`wildcard`, `cidr`, `$or`). And one on which the backends would part: a number that a 64-bit float does not
keep, a `prefix` that ends with a quote, a `suffix` that begins with one, `equals-ignore-case` with a character beyond
U+FFFF or with letters beyond A to Z."""
WHY = "A filter that never matches is a flow that never starts; one that matches too much starts it too often."
BAD = "@trigger(event={'name': 'order-placed', 'filter': {'amount': [{'numeric': ['>', '100']}]}})"
GOOD = "@trigger(event={'name': 'order-placed', 'filter': {'amount': [{'numeric': ['>', 100]}]}})"
