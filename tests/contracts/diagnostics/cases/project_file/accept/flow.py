from metaflow import FlowSpec, Parameter, step, trigger


@trigger(
    events=[
        "order-placed",  # metaflow-triggers: accept FT202 the shop publishes it
        "order-paid",  # metaflow-triggers: accept FT203 there is no circle
        "order-sent",  # metaflow-triggers: accept FT202
    ]
)
class Order(FlowSpec):
    @step
    def start(self):  # metaflow-triggers: accept FT999 no code
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Order()
