from metaflow import Flow, FlowSpec, step, trigger_on_finish


def analyze(processed):
    print(f"Sum of the processed data: {sum(processed)}")


# Step 3: Analyze (triggered by process)
@trigger_on_finish(flow='DataProcess')
class DataAnalyze(FlowSpec):
    @step
    def start(self):
        upstream = Flow('DataProcess').latest_run
        analyze(upstream.data.processed)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DataAnalyze()
