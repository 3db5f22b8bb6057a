import json
from pathlib import Path

from metaflow import FlowSpec, Parameter, current, step, trigger


# Starts on an event, and leaves a parcel in a folder.
@trigger(event={'name': 'order-received', 'parameters': {'order_id': 'orderId', 'customer': 'customer.name'}})
class ReceiveOrder(FlowSpec):
    order_id = Parameter('order_id', default='0')
    customer = Parameter('customer', default='nobody')

    @step
    def start(self):
        outbox = Path('outbox')
        outbox.mkdir(exist_ok=True)
        self.parcel = f'{current.run_id}.json'
        unfinished = outbox / f'{self.parcel}.part'
        unfinished.write_text(json.dumps({'order': self.order_id, 'to': self.customer}))
        unfinished.rename(outbox / self.parcel)  # whoever looks sees all of it or nothing
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == '__main__':
    ReceiveOrder()
