from metaflow import Flow, FlowSpec, step, trigger_on_finish


def process(raw_data):
    return [item * 2 for item in raw_data]


# Step 2: Process (triggered by ingest)
@trigger_on_finish(flow='DataIngest')
class DataProcess(FlowSpec):
    @step
    def start(self):
        upstream = Flow('DataIngest').latest_run
        self.processed = process(upstream.data.raw_data)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DataProcess()
