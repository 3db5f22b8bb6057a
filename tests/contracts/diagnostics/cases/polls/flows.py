"""The flows that polls start."""

from metaflow import FlowSpec, Parameter, project, step



class FileProcessor(FlowSpec):
    filename = Parameter('filename', default='')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@project(name='shop')
class Order(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
