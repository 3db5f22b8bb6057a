from metaflow import FlowSpec, Parameter, emit_event, step, trigger


@trigger(
    event={
        "name": "order-placed",
        "parameters": {"order_id": "orderID", "count": "lines"},
        "filter": {"country": ["CHE"]},
    }
)
class Order(FlowSpec):
    order_id = Parameter("order_id", default="")
    count = Parameter("count", type=int, default=0)

    @step
    def start(self):
        emit_event("order-placed", {"orderId": 7})
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Order()
