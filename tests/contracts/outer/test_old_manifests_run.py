"""What f324357 deployed runs on today's code: the same parameters, the same `current.trigger`.

The trigger documents in `data/store` were written by f324357's starters and correlator, the Workflows in
`data/workflows` were made by Argo Events from f324357's Sensors. `data/runs.json` is what f324357's own code made of
them.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from . import deployed
from .deployed import DATA
from .runs import ARGO_TASK, AWS_TASK, Container, kubernetes_with, succeeded

EXPECTED: dict[str, dict[str, Any]] = json.loads((DATA / "runs.json").read_text("utf-8"))
PROJECT = "ml_platform.prod.EvaluateTheModelOfTheSeason"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Today's code package of the flows."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(DATA / "flows", folder / "flows")
    words = ("flows/order.py", "--no-pylint", "step-functions", "compile")
    succeeded(folder, "python", *words, "--package-output", "package", "--output", "out")
    (found,) = (path for path in (folder / "package").rglob("*") if path.is_file())
    return found


@pytest.fixture
def container(package: Path, tmp_path: Path) -> Container:
    return Container(tmp_path, package)


def run_of(flow: str) -> str:
    """The run of the flow's first document, as Step Functions names its execution."""
    return min((DATA / "store" / flow / "_triggers").glob("sfn-*.json")).stem.removeprefix("sfn-")


@pytest.mark.parametrize("name", ["Order", "Gather", "React", PROJECT])
def test_on_step_functions(container: Container, name: str) -> None:
    flow = name.rpartition(".")[2]
    run = run_of(flow)
    container.start(deployed.on_step_functions(name, run))
    assert container.artifacts(flow, f"sfn-{run}", "start", AWS_TASK) == EXPECTED[f"step-functions {flow}"]


@pytest.mark.parametrize(("case", "flow"), [("order", "Order"), ("gather", "Gather"), ("react", "React")])
def test_on_argo_workflows(container: Container, case: str, flow: str) -> None:
    made = deployed.workflow(case)
    run = f"argo-{made['metadata']['name']}"
    with kubernetes_with(made) as (url, asked):
        container.start(deployed.on_argo_workflows(made), METAFLOW_TRIGGERS_KUBERNETES_URL=url)
    # Only `init` asks; the step finds the document where it always lay, in the form that it always had.
    assert asked == [f"/apis/argoproj.io/v1alpha1/namespaces/default/workflows/{made['metadata']['name']}"]
    found = json.loads((container.root / flow / "_triggers" / f"{run}.json").read_text("utf-8"))
    assert found == EXPECTED[f"document of {run}"]
    assert container.artifacts(flow, run, "start", ARGO_TASK) == EXPECTED[f"argo-workflows {flow}"]


def test_by_hand_on_step_functions(container: Container) -> None:
    given = json.dumps({"order_id": "$(touch pwned)", "amount": 3, "lines": '{"a": [null, "$HOME"]}', "urgent": True})
    task = deployed.on_step_functions("Order", "by-hand", given)
    container.shell(task.init(container.root), task.environment)
    found = container.artifacts("Order", "sfn-by-hand", "_parameters", f"{AWS_TASK}-params")
    assert found == EXPECTED["by hand on step-functions"]


def by_hand() -> dict[str, Any]:
    """A Workflow that a person submits: arguments, and nothing of a Sensor's."""
    values = {"order_id": json.dumps("$(touch pwned)"), "Amount": "3", "lines": json.dumps('{"a": [null, "$HOME"]}')}
    return {
        "metadata": {"name": "order-by-hand", "namespace": "default"},
        "spec": {
            "arguments": {"parameters": [{"name": name, "value": value} for name, value in values.items()]},
            "workflowTemplateRef": {"name": "order"},
        },
    }


def test_by_hand_on_argo_workflows(container: Container) -> None:
    made = by_hand()
    task = deployed.on_argo_workflows(made)
    with kubernetes_with(made) as (url, _):
        container.shell(task.init(container.root), {**task.environment, "METAFLOW_TRIGGERS_KUBERNETES_URL": url})
    found = container.artifacts("Order", "argo-order-by-hand", "_parameters", f"{ARGO_TASK}-params")
    assert found == EXPECTED["by hand on argo-workflows"]


def test_an_old_code_package_runs_beside_todays_installation(package: Path, tmp_path: Path) -> None:
    """An image with a newer metaflow-triggers in it: the package's own runtime is the one that runs."""
    container = Container(tmp_path, package)
    shutil.rmtree(container.folder / ".mf_code" / "metaflow_extensions")
    with tarfile.open(DATA / "package.tgz") as archive:
        archive.extractall(container.folder, filter="data")
    (tmp_path / "hidden" / "metaflow_triggers.py").unlink()
    run = run_of("Order")
    container.start(deployed.on_step_functions("Order", run))
    assert container.artifacts("Order", f"sfn-{run}", "start", AWS_TASK) == EXPECTED["step-functions Order"]


def test_what_is_changed_for_this_machine_is_little(tmp_path: Path) -> None:
    """The commands are f324357's, but for three options."""
    order, made = deployed.on_step_functions("Order", "event-0"), deployed.workflow("order")
    for task in (order, deployed.on_argo_workflows(made)):
        command = task.init(tmp_path)
        assert command.startswith("python -m metaflow_extensions.triggers.plugins.launcher ")
        kept = command.replace("--datastore=local", "--datastore=s3").split()
        missing = [word for word in kept if word not in task.whole]
        assert missing == [f"--datastore-root={tmp_path}"]


@pytest.mark.long
@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
def test_the_whole_command(backend: str, package: Path, tmp_path: Path) -> None:
    """Every word of it: the code package is fetched from S3, as are the documents; Metaflow's own S3 client works."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with kubernetes_with(deployed.workflow("order")) as (kubernetes, _):
            found = _whole(backend, f"http://{host}:{port}", kubernetes, package, tmp_path)
    finally:
        server.stop()
    assert found == EXPECTED[f"{backend} Order"]


def _whole(backend: str, s3: str, kubernetes: str, package: Path, folder: Path) -> Any:
    import boto3

    settings = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    settings |= {"METAFLOW_S3_ENDPOINT_URL": s3, "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1"}
    session = boto3.session.Session("x", "x", region_name="us-east-1")
    client = session.client("s3", endpoint_url=s3)
    bucket, prefix = deployed.OPEN["DatastoreBucket"], deployed.OPEN["DatastorePrefix"]
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=f"{prefix}/{deployed.OPEN['CodePackagePath']}", Body=package.read_bytes())
    for file in (path for path in (DATA / "store").rglob("*") if path.is_file()):
        client.put_object(
            Bucket=bucket, Key=f"{prefix}/{file.relative_to(DATA / 'store').as_posix()}", Body=file.read_bytes()
        )
    container = Container(folder, package)
    shutil.rmtree(container.folder)
    container.folder.mkdir()
    # The command makes the container's folder, and names it, itself.
    container.settings = {"METAFLOW_HOME": str(folder / "home"), "METAFLOW_TRIGGERS_KUBERNETES_URL": kubernetes}
    if backend == "step-functions":
        run = run_of("Order")
        task = deployed.on_step_functions("Order", run)
        settings |= {"AWS_BATCH_CE_NAME": "x", "AWS_BATCH_JQ_NAME": "x", "AWS_EXECUTION_ENV": "x"}
        where = (f"sfn-{run}", "start", AWS_TASK)
    else:
        made = deployed.workflow("order")
        task = deployed.on_argo_workflows(made)
        settings |= dict.fromkeys([f"METAFLOW_KUBERNETES_POD_{item}" for item in ("NAME", "NAMESPACE", "ID")], "x")
        settings |= dict.fromkeys(["METAFLOW_KUBERNETES_SERVICE_ACCOUNT_NAME", "METAFLOW_KUBERNETES_NODE_IP"], "x")
        settings |= {"PYTHONPATH": str(folder / "hidden")}
        where = (f"argo-{made['metadata']['name']}", "start", "")
    output = container.shell(
        task.whole.replace("/tmp/mf-input-paths", str(folder / "input-paths")), {**task.environment, **settings}
    )
    assert "Code package downloaded." in output
    return _from_s3(folder, where, settings)


def _from_s3(folder: Path, where: tuple[str, str, str], settings: dict[str, str]) -> Any:
    """The artifacts of the start step, read by Metaflow's own code."""
    code = (
        "import json, sys\n"
        "from metaflow.datastore import FlowDataStore\n"
        "from metaflow.plugins import DATASTORES\n"
        "s3 = next(cls for cls in DATASTORES if cls.TYPE == 's3')\n"
        "store = FlowDataStore('Order', storage_impl=s3, ds_root=sys.argv[1])\n"
        "(task,) = store.get_task_datastores(sys.argv[2], steps=[sys.argv[3]])\n"
        "names = [name for name, _ in task.items() if not name.startswith('_') and name != 'name']\n"
        "print('RESULT' + json.dumps(dict(task.load_artifacts(names))))\n"
    )
    root = f"s3://{deployed.OPEN['DatastoreBucket']}/{deployed.OPEN['DatastorePrefix']}"
    output = succeeded(folder, "python", "-c", code, root, *where[:2], **settings)
    return json.loads(output.partition("RESULT")[2])
