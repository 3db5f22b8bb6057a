"""Rules FT76x: `metaflow-triggers emit`.

In, Out, Not here: see `metaflow_triggers.rules.rule`.
"""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT760",
        title="no name of an event",
        severity="error",
        finds="The name given to `emit` is empty, has more than 128 characters, or one other than letters, digits, "
        "`_`, `.` and `-`; or it is a name of outcomes, `metaflow.outcome.*` or `metaflow.*.end`. Nothing was stored "
        "or sent.",
        why="No flow can wait for such a name, so the event would be lost. How a run ended is said by the run itself: "
        "on Argo such an event would start the flows that wait for that run.",
        example="$ metaflow-triggers emit 'order placed'",
        instead="$ metaflow-triggers emit order-placed",
        language="console",
    ),
    Rule(
        code="FT761",
        title="no payload of an event",
        severity="error",
        finds="The payload given to `emit` is no JSON object, holds NUL or half a surrogate pair, or is larger than "
        "240 KiB. Nothing was stored or sent.",
        why="A payload is refused where it is made: no backend could carry it whole.",
        example="$ metaflow-triggers emit order-placed --payload 7",
        instead="$ metaflow-triggers emit order-placed --payload '{\"orderId\": 7}'\n"
        "$ metaflow-triggers emit order-placed --payload-file order.json",
        language="console",
    ),
    Rule(
        code="FT762",
        title="no id of an event",
        severity="error",
        finds="The id given to `emit` is empty, has more than 128 characters, or one other than letters, digits, "
        "`_`, `.`, `:` and `-`. Nothing was stored or sent.",
        why="The id is what makes an event start a flow once; it has to travel unchanged on every backend.",
        example="$ metaflow-triggers emit order-placed --id 'order 7'",
        instead="$ metaflow-triggers emit order-placed --id order-7",
        language="console",
    ),
    Rule(
        code="FT763",
        title="the event was not published",
        severity="error",
        finds="The local engine's database, EventBridge or the webhook did not take the event. The reason is quoted.",
        why="Whatever prints an id has accepted the event; this one was not accepted. The command can be repeated: "
        "with the same `--id` it starts a flow at most once.",
        example="$ metaflow-triggers emit order-placed --backend argo-workflows",
        instead="$ export METAFLOW_TRIGGERS_WEBHOOK_URL=https://events.example.com/events\n"
        "$ metaflow-triggers emit order-placed --backend argo-workflows",
        language="console",
    ),
    Rule(
        code="FT764",
        title="the name and id of another event",
        severity="error",
        finds="The local engine has accepted an event of this name and id before, with another payload. Nothing was "
        "stored.",
        why="An event is its name and its id: with both, and the same payload, it is the same event and starts nothing "
        "new. With another payload one of the two would be lost without a word.",
        example="$ metaflow-triggers emit order-placed --id order-7 --payload '{\"sum\": 1}'\n"
        "$ metaflow-triggers emit order-placed --id order-7 --payload '{\"sum\": 2}'",
        instead="$ metaflow-triggers emit order-placed --id order-7 --payload '{\"sum\": 1}'\n"
        "$ metaflow-triggers emit order-placed --id order-8 --payload '{\"sum\": 2}'",
        language="console",
    ),
)
