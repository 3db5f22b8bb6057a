"""One event with a mapping: fields, a dotted path, a constant, parameters of every type."""

from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger


@trigger(
    event={
        "name": "order-placed",
        "parameters": {
            "order_id": "orderId",
            "Amount": "order.amount",
            "lines": "lines",
            "copies": "copies",
            "urgent": "urgent",
            "env": {"value": "production"},
        },
    }
)
class Order(FlowSpec):
    order_id = Parameter("order_id", required=True)
    amount = Parameter("Amount", type=float, default=1.5)
    lines = Parameter("lines", type=JSONType, default="[]")
    copies = Parameter("copies", type=int, default=1)
    urgent = Parameter("urgent", type=bool, default=False)
    env = Parameter("env", default="laptop")
    note = Parameter("note", default="nobody sets it")

    @step
    def start(self):
        self.seen = current.trigger and [
            [one.name, one.type, one.id, one.timestamp.isoformat(), one.payload] for one in current.trigger.events
        ]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Order()
