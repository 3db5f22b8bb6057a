from metaflow import FlowSpec, step, trigger_on_finish


# Run only when FlowA completes successfully
@trigger_on_finish(flow='FlowA', match='success')
class SuccessHandler(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SuccessHandler()
