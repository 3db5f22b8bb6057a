from metaflow import Flow, FlowSpec, current, step, trigger_on_finish


# Starts when a parcel was shipped.
@trigger_on_finish(flow='ShipParcel')
class ThankCustomer(FlowSpec):
    @step
    def start(self):
        shipped = current.trigger.run if current.trigger else Flow('ShipParcel').latest_successful_run
        self.message = f"{shipped.data.order['to']}: order {shipped.data.order['order']} is on its way"
        self.next(self.end)

    @step
    def end(self):
        print(self.message)


if __name__ == '__main__':
    ThankCustomer()
