"""A poll trigger of an imported file."""

from metaflow import FlowSpec, step

import polls_of_another_folder.waits



class UsesPolls(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
