"""A project: deployed names with branch and hash, an event of the project's, an outcome of a flow of the project's."""

from metaflow import FlowSpec, Parameter, current, namespaced_event_name, project, step, trigger, trigger_on_finish


@project(name="ml_platform")
@trigger(event=namespaced_event_name("training-complete"), options={"auto_map": True})
@trigger_on_finish(flow="TrainTheModelOfTheSeason")
class EvaluateTheModelOfTheSeason(FlowSpec):
    model = Parameter("model", default="none")

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
    EvaluateTheModelOfTheSeason()
