"""Outcomes of other flows: which, and what of them becomes a parameter."""

from metaflow import FlowSpec, Parameter, current, step, trigger_on_finish


@trigger_on_finish(
    flows=["Order", "Gather"],
    match=["success", "failure"],
    require="any",
    parameters={"what": "outcome", "which": "run_id", "why": "error"},
)
class React(FlowSpec):
    what = Parameter("what", default="nothing")
    which = Parameter("which", default="none")
    why = Parameter("why", default="no reason")

    @step
    def start(self):
        self.seen = current.trigger and [
            [one.name, one.type, one.id, one.timestamp.isoformat(), one.payload] for one in current.trigger.events
        ]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    React()
