from metaflow import FlowSpec, Parameter, step, trigger

REGIONS = ('eu', 'us')


# Called when the flow is deployed, never in a run.
def regional_events(ctx):
    return [
        {'name': f'sales-{region}', 'parameters': {'region': 'region', 'total': 'total'}}
        for region in REGIONS
    ]


@trigger(events=regional_events, require='any')
class SalesReport(FlowSpec):
    region = Parameter('region', default='eu')
    total = Parameter('total', type=int, default=0)

    @step
    def start(self):
        print(f"{self.region}: {self.total}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SalesReport()
