from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={
    'name': 'data-ready',
    'parameters': [
        'dataset_id',  # Same name in event and flow
        ('flow_param', 'event_field')  # Different names
    ]
})
class DataProcessor(FlowSpec):
    dataset_id = Parameter('dataset_id')
    flow_param = Parameter('flow_param')

    @step
    def start(self):
        print(f"Processing {self.dataset_id} with {self.flow_param}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DataProcessor()
