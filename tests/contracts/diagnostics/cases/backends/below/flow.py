from metaflow import FlowSpec, step


class PolledBelow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PolledBelow()
