from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={
    'name': 'invoice-paid',
    'parameters': {
        'invoice': 'invoiceId',  # a field of the payload
        'env': {'value': 'production'},  # a constant
        'copies': {'value': 2},
    }
})
class ArchiveInvoice(FlowSpec):
    invoice = Parameter('invoice', required=True)
    env = Parameter('env', default='development')
    copies = Parameter('copies', type=int, default=1)

    @step
    def start(self):
        print(f"Archiving {self.copies} copies of {self.invoice} in {self.env}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ArchiveInvoice()
