"""Poll triggers in a cluster: deployed, polled by the deployed container, started as Workflows, run by Metaflow."""

from __future__ import annotations

import pytest

from tests.unit.commands.test_create_delete import aws, kubernetes  # noqa: F401 - fixtures

from .created_workflows import cluster
from .poller_pods import PollerPod, records, until
from .workflow_runner import why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

INBOX = """
import os
from metaflow import FlowSpec, JSONType, Parameter, current, step
from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow="FileProcessor", name="inbox", poll_interval="1s")
def watch_inbox():
    files = sorted(os.listdir(os.environ["INBOX"]))
    if not files:
        return TriggerResult.skip()
    return TriggerResult.fire(Context({"filename": files[0], "text": "{{workflow.name}} $(touch pwned)"}))


class FileProcessor(FlowSpec):
    filename = Parameter("filename", required=True)
    text = Parameter("text", default="")
    trigger_name = Parameter("trigger_name", default="?")
    trigger_context = Parameter("trigger_context", type=JSONType, default="{}")

    @step
    def start(self):
        self.seen = [current.trigger.event_name, current.trigger.payload, current.trigger.id]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FileProcessor()
"""


def test_a_deployed_poll_starts_the_flow_with_its_context(kubernetes, aws, tmp_path, request):  # noqa: F811
    inbox = tmp_path / "pods" / "inbox"  # what pods share
    inbox.mkdir(parents=True)
    (inbox / "a b.csv").write_text("")
    with cluster(kubernetes, aws, tmp_path) as here:
        here.create("inbox.py", INBOX)
        pod = PollerPod(here, "fileprocessor")
        pod.start(INBOX=str(inbox))
        request.addfinalizer(pod.kill)  # also when something below is not as it should be
        started = until(lambda: list(kubernetes.objects("workflows").values()), told=pod.output)
        assert len(started) == 1
        assert here.runner.run(started[0]) == "Succeeded", here.runner.output(started[0]["metadata"]["name"])
        (inbox / "a b.csv").unlink()
        claim = until(
            lambda: next((c for c in records(here)["inbox"]["claims"] if c["state"] == "succeeded"), None),
            told=lambda: f"{records(here)} {pod.output()}",
        )
        assert claim["name"] == started[0]["metadata"]["name"]
        pod.kill()
        found = here.read(
            "d = Flow('FileProcessor', _namespace_check=False).latest_run['end'].task.data\n"
            "s = Flow('FileProcessor', _namespace_check=False).latest_run['start'].task.data\n"
            "tell([d.filename, d.text, d.trigger_name, d.trigger_context, s.seen])"
        )
        assert found[:3] == ["a b.csv", "{{workflow.name}} $(touch pwned)", "inbox"]
        assert found[3] == found[4][1] and found[3]["filename"] == "a b.csv" and found[3]["triggered_at"]
        assert found[4][0] == "inbox" and found[4][2] == claim["name"]
        assert len(kubernetes.objects("workflows")) <= 2  # the file may have been seen once more before it went
