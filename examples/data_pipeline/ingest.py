from metaflow import FlowSpec, step


def ingest():
    return [1, 2, 3]


# Step 1: Ingest
class DataIngest(FlowSpec):
    @step
    def start(self):
        self.raw_data = ingest()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DataIngest()
