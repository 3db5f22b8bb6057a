from metaflow import FlowSpec, JSONType, Parameter, resources, retry, step, trigger


# Every shape of a step graph that both clouds run, behind one mapped event.
@trigger(event={
    'name': 'batch-arrived',
    'parameters': {
        'batchSize': 'size',
        'Options': 'settings.options',
        'dry-run': 'dryRun',
    }
})
class WorkflowShapes(FlowSpec):
    batch_size = Parameter('batchSize', type=int, default=2)
    options = Parameter('Options', type=JSONType, default='{"scale": [1, 2]}')
    dry_run = Parameter('dry-run', type=bool, default=False)

    @step
    def start(self):
        self.next(self.rows, self.summary)

    @step
    def rows(self):
        self.row_numbers = list(range(self.batch_size))
        self.next(self.row, foreach='row_numbers')

    @step
    def row(self):
        self.scales = self.options['scale']
        self.row_number = self.input
        self.next(self.cell, foreach='scales')

    @retry(times=2, minutes_between_retries=0)
    @resources(cpu=1, memory=512)
    @step
    def cell(self):
        self.value = self.row_number * self.input
        self.next(self.join_cells)

    @step
    def join_cells(self, inputs):
        self.values = [task.value for task in inputs]
        self.next(self.join_rows)

    @step
    def join_rows(self, inputs):
        self.values = [task.values for task in inputs]
        self.next(self.join_branches)

    @step
    def summary(self):
        self.title = f"{self.batch_size} rows"
        self.next(self.join_branches)

    @step
    def join_branches(self, inputs):
        self.values = inputs.join_rows.values
        self.title = inputs.summary.title
        self.next(self.end)

    @step
    def end(self):
        print(self.title, self.values)


if __name__ == "__main__":
    WorkflowShapes()
