from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={
    'name': 'order-placed',
    'parameters': {
        'order_id': 'orderId',
        'amount': 'totalAmount'
    }
})
class ProcessOrder(FlowSpec):
    order_id = Parameter('order_id', type=str)
    amount = Parameter('amount', type=float)

    @step
    def start(self):
        print(f"Order {self.order_id} of {self.amount}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProcessOrder()
