from metaflow import FlowSpec, Parameter, step, trigger


def update_dashboard(records):
    print(f"Dashboard shows {records} records")


@trigger(event={
    'name': 'pipeline-complete',
    'parameters': {'records': 'records'}
})
class UpdateMetrics(FlowSpec):
    records = Parameter('records')

    @step
    def start(self):
        update_dashboard(self.records)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    UpdateMetrics()
