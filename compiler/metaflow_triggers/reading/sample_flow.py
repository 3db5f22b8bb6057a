"""Sample flow: what a process reads first that reads several files, so that all of them find what one flow leaves.

In:   nothing; Metaflow.
Out:  a flow that has nothing but its two ends.

Not here: a feature. What a feature leaves is to be seen in the flow that has it.
"""

from metaflow import FlowSpec, step


class SampleFlow(FlowSpec):  # type: ignore[misc]
    """Nothing runs it."""

    @step  # type: ignore[untyped-decorator]
    def start(self) -> None:
        self.next(self.end)

    @step  # type: ignore[untyped-decorator]
    def end(self) -> None:
        pass
