"""`argo-workflows create`, `diff --live` and `delete` as a user types them, beside what Metaflow itself deploys.

Metaflow alone is the real one: its own `create` runs in a process in which our extension is hidden.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.worlds.argo.kubernetes_stand_in import Fault, KubernetesStandIn
from tests.worlds.upstream.emulated_aws import Aws

from .conftest import Run
from .test_create_delete import argo_settings, aws, kubernetes  # noqa: F401 - fixtures

FLOW = """
from metaflow import FlowSpec, Parameter, schedule, step, trigger, trigger_on_finish

{decorators}
class Nightly(FlowSpec):
    size = Parameter('size', default='3')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == '__main__':
    Nightly()
"""


def write(folder: Path, *decorators: str) -> str:
    path = folder / "nightly.py"
    path.write_text(FLOW.format(decorators="\n".join(decorators)))
    return str(path)


@pytest.fixture
def settings(kubernetes: KubernetesStandIn, aws: Aws) -> dict[str, str]:  # noqa: F811
    return argo_settings(kubernetes, aws)


@pytest.fixture
def upstreams(settings: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Settings of Metaflow without us, with what its triggers need."""
    empty = tmp_path / "no_extensions"
    empty.mkdir()
    return {
        **settings,
        "METAFLOW_EXTENSIONS_SEARCH_DIRS": str(empty),
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_ARGO_EVENTS_EVENT": "metaflow-event",
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": "argo-events-webhook",
        "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": "operate-workflow-sa",
    }


def argo(run: Run, flow: str, *arguments: str, settings: dict[str, str]):
    return run(flow, "--no-pylint", "argo-workflows", *arguments, settings=settings)


def test_diff_live_tells_in_words_what_differs(run: Run, settings, kubernetes: KubernetesStandIn, tmp_path: Path):  # noqa: F811
    flow = write(tmp_path, "@trigger(events=['a', 'b'], require='any')")
    absent = argo(run, flow, "diff", "--live", settings=settings)
    assert absent.code == 1 and "Sensor default/nightly-" in absent.out and "is not there" in absent.out, absent.err
    planned = argo(run, flow, "create", "--plan", settings=settings)
    assert planned.code == 0 and "apply WorkflowTemplate default/nightly" in planned.out, planned.err
    assert kubernetes.store.writes == [] and not kubernetes.store.objects

    assert argo(run, flow, "create", settings=settings).code == 0
    same = argo(run, flow, "diff", "--live", settings=settings)
    assert (same.code, same.out) == (0, "no difference: Nightly is deployed as the flow is written\n"), same.err

    flow = write(tmp_path, "@trigger(events=['a', 'c'], require='any')")
    writes = len(kubernetes.store.writes)
    (template,) = kubernetes.objects("workflowtemplates").values()
    token = template["metadata"]["annotations"]["metaflow/production_token"]
    changed = argo(run, flow, "diff", "--live", "--full", settings=settings)
    assert changed.code == 1, changed.err
    assert "Nightly no longer starts on b\n" in changed.out and "Nightly now also starts on c\n" in changed.out
    assert "+++ flow/Sensor/default/nightly-" in changed.out and token not in changed.out
    assert len(kubernetes.store.writes) == writes

    kubernetes.store.faults.append(Fault("GET", "sensors", 403, "sensors is forbidden"))
    denied = argo(run, flow, "diff", "--live", settings=settings)
    assert denied.code == 2 and "error[FT702]" in denied.err


def test_diff_live_looks_at_what_the_same_user_deployed(
    run: Run,
    settings,
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
):
    flow = write(tmp_path, "@project(name='p')", "@trigger(event='a')")
    Path(flow).write_text(Path(flow).read_text().replace("FlowSpec,", "FlowSpec, project,"))
    alice = {key: value for key, value in settings.items() if key != "METAFLOW_USER"} | {"USER": "alice"}
    created = argo(run, flow, "create", settings=alice)
    assert created.code == 0, created.err
    assert set(kubernetes.objects("workflowtemplates")) == {"default/p.user.alice.nightly"}
    same = argo(run, flow, "diff", "--live", settings=alice)
    assert (same.code, same.out) == (0, "no difference: Nightly is deployed as the flow is written\n")
    root = argo(run, flow, "diff", "--live", settings={**alice, "USER": "root"})
    assert root.code and "METAFLOW_USER" in root.err


@pytest.mark.stand_in("the CronWorkflow that Metaflow makes has a `schedule`, which Argo Workflows 4 does not know")
def test_over_what_metaflow_deployed_create_asks_before_a_start_changes(
    run: Run,
    settings,
    upstreams,
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
):
    flow = write(tmp_path, "@trigger_on_finish(flows=['First', 'Second'])", "@schedule(cron='0 9 ? * 2 *')")
    theirs = argo(run, flow, "create", settings=upstreams)
    assert theirs.code == 0, theirs.err
    assert set(kubernetes.objects("sensors")) == {"default/nightly"}
    before = json.dumps(kubernetes.store.objects[("/apis/argoproj.io/v1alpha1", "default", "sensors", "nightly")])
    stopped = argo(run, flow, "create", settings=settings)
    assert stopped.code == 1 and stopped.err.count("error[") == 1, stopped.err
    assert "error[FT705]" in stopped.err
    assert "Nightly now starts on any of the end of First" in stopped.err
    assert "Nightly starts at 0 9 * * 1 (UTC) instead of 0 9 ? * 2 (UTC)" in stopped.err
    assert before == json.dumps(kubernetes.store.objects["/apis/argoproj.io/v1alpha1", "default", "sensors", "nightly"])

    # What the flow itself says needs no option.
    said = write(
        tmp_path, "@trigger_on_finish(flows=['First', 'Second'], require='any')", "@schedule(cron='0 9 * * ? *')"
    )
    ours = argo(run, said, "create", settings=settings)
    assert ours.code == 0, ours.err
    assert [name.partition("-")[0] for name in kubernetes.objects("sensors")] == ["default/nightly"]
    assert "default/nightly" not in kubernetes.objects("sensors")
    assert kubernetes.objects("cronworkflows")["default/nightly"]["spec"]["schedules"] == ["0 9 * * *"]

    gone = argo(run, said, "delete", settings=settings)
    assert gone.code == 0, gone.err
    for plural in ("sensors", "cronworkflows", "workflowtemplates"):
        assert not kubernetes.objects(plural)


def test_accepted_changes_are_deployed_under_the_token_that_metaflow_gave(
    run: Run,
    settings,
    upstreams,
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
):
    flow = write(tmp_path, "@trigger(event='a')")
    assert argo(run, flow, "create", settings=upstreams).code == 0
    (template,) = kubernetes.objects("workflowtemplates").values()
    token = template["metadata"]["annotations"]["metaflow/production_token"]
    stopped = argo(run, flow, "create", settings=settings)
    assert "no longer takes every parameter from the field of its name" in stopped.err
    assert argo(run, flow, "create", "--accept-changes", settings=settings).code == 0
    (template,) = kubernetes.objects("workflowtemplates").values()
    assert template["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "metaflow-triggers"
    assert template["metadata"]["annotations"]["metaflow/production_token"] == token
    another = {**settings, "METAFLOW_USER": "somebody"}
    denied = argo(run, flow, "create", settings={**another, "METAFLOW_HOME": str(tmp_path / "another")})
    assert denied.code == 1 and "error[FT123]" in denied.err, denied.err


DEPLOYER = """
import sys
from metaflow import Deployer
deployed = Deployer(sys.argv[1], pylint=False).argo_workflows().create()
print('NAME', deployed.name)
run = deployed.trigger(size='7')
print('RUN', run.name if hasattr(run, 'name') else run)
deployed.delete()
"""


def test_the_deployer_api_and_metaflows_other_commands_work_on_ours(
    run: Run,
    settings,
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
):
    flow = write(tmp_path, "@trigger(event='a')")
    script = tmp_path / "deploy.py"
    script.write_text(DEPLOYER)
    done = run(str(script), flow, settings=settings)
    assert done.code == 0, done.err
    assert "NAME nightly" in done.out
    (started,) = kubernetes.objects("workflows").values()
    assert started["spec"]["workflowTemplateRef"] == {"name": "nightly"}
    assert {"name": "size", "value": '"7"'} in started["spec"]["arguments"]["parameters"]
    assert not kubernetes.objects("workflowtemplates") and not kubernetes.objects("sensors")

    assert argo(run, flow, "create", settings=settings).code == 0
    triggered = argo(run, flow, "trigger", "--size", "8", settings=settings)
    assert triggered.code == 0 and "argo-nightly-" in triggered.err, triggered.err
    templates = argo(run, flow, "list-workflow-templates", settings=settings)
    assert templates.code == 0 and "nightly" in templates.err + templates.out, templates.err


@pytest.mark.parametrize("missing", ["kubeconfig", "server"])
def test_no_cluster_is_one_coded_message(run: Run, settings, tmp_path: Path, missing: str):
    flow = write(tmp_path, "@trigger(event='a')")
    config = Path(settings["KUBECONFIG"])
    if missing == "kubeconfig":
        config.unlink()
    else:
        config.write_text(re.sub(r"http://127.0.0.1:[0-9]+", "http://127.0.0.1:9", config.read_text()))
    done = argo(run, flow, "create", settings=settings)
    assert done.code == 1 and done.err.count("error[") == 1, done.err
    assert "error[FT701]" in done.err and "Traceback" not in done.err
