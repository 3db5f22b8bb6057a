from metaflow import FlowSpec, Parameter, step, trigger


def send_email_report(dataset):
    print(f"Sending the report of {dataset}")


# Multiple flows react to the event
@trigger(event={
    'name': 'pipeline-complete',
    'parameters': {'dataset': 'dataset'}
})
class EmailReport(FlowSpec):
    dataset = Parameter('dataset')

    @step
    def start(self):
        send_email_report(self.dataset)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EmailReport()
