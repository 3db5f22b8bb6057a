from metaflow import FlowSpec, Parameter, step, trigger_on_finish


# Runs only when MainPipeline (../fan_out/pipeline.py) fails. The fields come from the outcome's payload.
@trigger_on_finish(
    flow='MainPipeline',
    match='failure',
    parameters={'failed_run': 'run_id', 'message': 'error'},
)
class PipelineAlert(FlowSpec):
    failed_run = Parameter('failed_run', default='')
    message = Parameter('message', default='')

    @step
    def start(self):
        print(f"Run {self.failed_run} failed: {self.message}")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PipelineAlert()
