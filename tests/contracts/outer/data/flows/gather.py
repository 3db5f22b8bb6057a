"""A set of three events, one with a filter, one from elsewhere; what is half there is forgotten on Mondays."""

from metaflow import FlowSpec, Parameter, current, schedule, step, trigger


@schedule(cron="0 3 29 2 ? *", timezone="Europe/Berlin")
@trigger(
    events=[
        {"name": "left", "parameters": {"first": "id"}, "filter": {"side": ["l", {"prefix": "le"}]}},
        {"name": "right", "parameters": {"second": "order.id"}},
        {
            "name": "upload",
            "parameters": {"key": "object.key"},
            "origin": {
                "step-functions": {"source": "aws.s3", "detail-type": "Object Created"},
                "argo-workflows": {"event-source": "minio", "event": "uploads"},
            },
        },
    ],
    require="all",
    options={"reset_at": {"cron": "0 4 * * 1", "timezone": "Europe/Berlin"}},
)
class Gather(FlowSpec):
    first = Parameter("first", default="no first")
    second = Parameter("second", type=int, default=0)
    key = Parameter("key", default="no key")

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
    Gather()
