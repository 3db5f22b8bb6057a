from metaflow import FlowSpec, step, trigger_on_finish


# Downstream flow - runs when DataIngestion completes
@trigger_on_finish(flow='DataIngestion')
class DataTransform(FlowSpec):
    @step
    def start(self):
        from metaflow import Flow
        # Access upstream run
        upstream_run = Flow('DataIngestion').latest_successful_run
        self.data = upstream_run['end'].task.data.data
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DataTransform()
