"""Flows: generated flow files. Five steps with a branch and a join, two triggers each, one parameter."""

from __future__ import annotations

from pathlib import Path

_FLOW = """from metaflow import FlowSpec, Parameter, step, trigger, trigger_on_finish


@trigger(event={{"name": "order-{number}", "parameters": {{"order": "id"}}}})
@trigger_on_finish(flow="{upstream}")
class Flow{number}(FlowSpec):
    order = Parameter("order", default="none")

    @step
    def start(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.join)

    @step
    def right(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Flow{number}()
"""
_TRIGGERS = ("@trigger(", "@trigger_on_finish(")
EXTERNAL = "Source"
"""The flow that the first flow waits for, which no file defines."""


def flow(number: int) -> str:
    """The text of one flow, which waits for the flow before it."""
    return _FLOW.format(number=f"{number:04}", upstream=f"Flow{number - 1:04}" if number % 10 else EXTERNAL)


def without_triggers(text: str) -> str:
    """The flow as upstream takes it: on Step Functions it refuses triggers."""
    return "".join("\n" if line.startswith(_TRIGGERS) else line for line in text.splitlines(True))


def generate(folder: Path, count: int) -> list[Path]:
    """`count` flows, each in a folder of its own, as Metaflow packages the whole folder of a flow."""
    files = []
    for number in range(count):
        file = folder / f"flow{number:04}" / f"flow{number:04}.py"
        file.parent.mkdir(parents=True)
        file.write_text(flow(number), "utf-8")
        files.append(file)
    return files
