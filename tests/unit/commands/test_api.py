"""The Python API does what the commands do."""

from __future__ import annotations

from pathlib import Path

import pytest
from metaflow_triggers import api

FLOW = """\
from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={{'name': '{event}', 'parameters': {{'order_id': 'orderId'}}}})
class ProcessOrder(FlowSpec):
    order_id = Parameter('order_id', default='')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == '__main__':
    ProcessOrder()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("METAFLOW_USER", "tester")
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path))
    place = tmp_path / "repository"
    (place / "flows").mkdir(parents=True)
    (place / "flows" / "order.py").write_text(FLOW.format(event="order-placed"), "utf-8")
    return place


def test_it_reads_compiles_and_compares(folder: Path) -> None:
    project = api.read("flows", folder=folder, external_event=["order-placed"])
    assert project.ok
    assert [flow["flow"] for flow in project.graph["flows"]] == ["ProcessOrder"]
    assert [item["code"] for item in project.diagnostics] == ["FT508"]

    made = api.compile("flows", folder=folder, output="out", backend=["argo-workflows"], no_code_package=True)
    assert "argo-workflows/processorder/sensor.yaml" in made.written
    assert (folder / "out" / "argo-workflows/processorder/sensor.yaml").exists()
    assert (made.removed, made.kept) == ((), ())
    again = api.compile("flows", folder=folder, output="out", backend=["argo-workflows"], no_code_package=True)
    assert again.written == ()

    def difference() -> api.Difference:
        return api.diff("flows", folder=folder, against="out", backend=["argo-workflows"], no_code_package=True)

    assert difference().same
    (folder / "flows" / "order.py").write_text(FLOW.format(event="order-paid"), "utf-8")
    other = difference()
    assert not other.same
    assert "ProcessOrder now also starts on order-paid" in other.text


def test_a_mistake_is_told_as_a_value_and_refuses_what_writes(folder: Path) -> None:
    (folder / "flows" / "order.py").write_text(FLOW.format(event="order placed"), "utf-8")
    project = api.read(folder=folder)
    assert not project.ok
    wrong = [(item["code"], item["span"]["line"]) for item in project.diagnostics if item["severity"] == "error"]
    assert wrong == [("FT104", 4)]
    with pytest.raises(api.Refused) as refused:
        api.compile(folder=folder, output="out")
    assert refused.value.code == 1
    assert "FT104: the event name 'order placed'" in str(refused.value)
    assert not (folder / "out").exists()
    with pytest.raises(api.Refused) as refused:
        api.diff(folder=folder, against="nowhere")
    assert refused.value.code == 2
    assert "FT003" in str(refused.value)


def test_an_option_that_there_is_not_is_refused(folder: Path) -> None:
    with pytest.raises(api.Refused, match="did you mean `--production`"):
        api.read(folder=folder, producton=True)


def test_create_says_what_is_missing(folder: Path) -> None:
    with pytest.raises(api.Refused, match="set METAFLOW_BATCH_JOB_QUEUE") as refused:
        api.create("flows", folder=folder, plan=True, backend="step-functions")
    assert refused.value.code == 2
