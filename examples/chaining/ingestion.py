from metaflow import FlowSpec, step


def fetch_data():
    return [3, 1, 2]


# Upstream flow
class DataIngestion(FlowSpec):
    @step
    def start(self):
        self.data = fetch_data()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DataIngestion()
