"""FT761: no payload of an event."""

SOURCE = "semantics.md#11-limits"
RAISED = "commands/emit.py engine/accept.py"
FINDS = """The payload given to `emit` is no JSON object, holds NUL or half a surrogate pair, or is larger than 240 KiB.
Nothing was stored or sent."""
WHY = "A payload is refused where it is made: no backend could carry it whole."
BAD = "$ metaflow-triggers emit order-placed --payload 7"
GOOD = """
$ metaflow-triggers emit order-placed --payload '{"orderId": 7}'
$ metaflow-triggers emit order-placed --payload-file order.json
"""
