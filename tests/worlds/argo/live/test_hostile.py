"""The hostile corpus through Argo's real services: webhook, bus, Sensor, Workflow, and what a run's reader makes of it.

In the long form the runs run, too: the deployed commands, and Metaflow's client reads what arrived.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.plugins import argo_source
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.simulate.values import convert

from tests.scenarios import hostile, reading
from tests.scenarios.hostile import DEFAULT, VALUES, WRONG, expected
from tests.scenarios.rows import Row, flow_text, same
from tests.scenarios.test_hostile_real import KINDS, files_below, fitting, listener, payload
from tests.unit.commands.test_create_delete import aws, kubernetes  # noqa: F401 - fixtures
from tests.worlds.argo.workflow_runner import why_not

from .conftest import Launch
from .table import deploy_all, publish, publishing, workflows
from .world import World

ALONE = {
    f"HostileOne{kind.title()}": {
        "trigger": "@trigger(event={'name': 'hostile-one', 'parameters': ['v']})",
        "parameters": [f"v = Parameter('v', {text})"],
    }
    for kind, text in KINDS.items()
}


def test_all_values_in_one_event_arrive_equal(launch: Launch, tmp_path: Path) -> None:
    row = Row("hostile", flows={f"Hostile{kind.title()}": listener(kind) for kind in KINDS})
    graph = reading.read([row], tmp_path)[row.rule].graph
    live = launch()
    deploy_all(live.kubernetes, [graph])
    live.start_all()
    with publishing(live):
        publish("hostile-all", exact_json.loads(payload()), "our-id")
    live.quiet()
    told = []
    for kind in KINDS:
        (flow,) = (item for item in graph.flows if item.name == f"Hostile{kind.title()}")
        (workflow,) = workflows(live.kubernetes, names.own_name(flow))
        document = argo_source.document_of(workflow)
        assert document is not None
        (seen,) = event_reader.select(document)
        assert exact_json.dumps(seen.payload) == payload(), kind
        declared = {item.name: item.type for item in flow.parameters}
        texts = parameter_values.parameters_for(document, declared)
        for number, value in fitting(kind).items():
            if kind == "separator":
                continue  # Metaflow splits, in the run
            text = texts.get(f"p{number}")
            found = None if text is None else exact_json.loads(text) if kind == "json" else convert(text, kind)
            if not same(found, None if value is DEFAULT else value):
                told.append((kind, list(VALUES)[number], found, value))
    assert told == []
    assert files_below(live.folder) == files_below(tmp_path) == files_below(Path.cwd()) == []


@pytest.mark.long
def test_each_value_alone_arrives_equal_or_fails_for_its_type(launch: Launch, tmp_path: Path) -> None:
    row = Row("hostile one", flows=ALONE)
    graph = reading.read([row], tmp_path)[row.rule].graph
    live = launch()
    deploy_all(live.kubernetes, [graph])
    live.start_all()
    with publishing(live):
        for number, text in enumerate(VALUES.values()):
            publish("hostile-one", {"v": exact_json.loads(text), "n": number}, f"id {number} '{{{{x}}}}'")
    live.quiet()
    told = []
    for kind in KINDS:
        (flow,) = (item for item in graph.flows if item.name == f"HostileOne{kind.title()}")
        made = workflows(live.kubernetes, names.own_name(flow))
        assert len(made) == len(VALUES), kind
        for workflow in made:
            document = argo_source.document_of(workflow)
            assert document is not None
            (seen,) = event_reader.select(document)
            number = seen.payload["n"]
            assert seen.id == f"id {number} '{{{{x}}}}'"
            text = list(VALUES.values())[number]
            assert exact_json.dumps(seen.payload["v"]) == text
            try:
                found = parameter_values.parameters_for(document, {"v": flow.parameters[0].type}).get("v")
            except event_reader.EventError as error:
                assert expected(text, kind) is WRONG and "'v'" in str(error), (kind, text, error)
                continue
            wanted = expected(text, kind)
            if wanted is WRONG:
                told.append((kind, number, "was taken"))
            elif kind not in ("separator", "json") and found is not None and not same(convert(found, kind), wanted):
                told.append((kind, number, found))
    assert told == []
    assert files_below(live.folder) == files_below(tmp_path) == files_below(Path.cwd()) == []


def test_payloads_of_240_kib_arrive_whole_and_larger_ones_are_refused(launch: Launch, tmp_path: Path) -> None:
    row = Row("hostile large", flows={"HostileLarge": {"trigger": "@trigger(event='hostile-large')"}})
    graph = reading.read([row], tmp_path)[row.rule].graph
    live = launch()
    deploy_all(live.kubernetes, [graph])
    live.start_all()
    text = '{"v":"%s"}'
    room = 245_760 - len(text) + 2
    texts = [text % (filler * (room // size)) for filler, size in (("x", 1), ("\u00e9", 2), ("<xx", 3), ("<x&xx", 5))]
    with publishing(live):
        for number, one in enumerate(texts):
            publish("hostile-large", exact_json.loads(one), f"large {number}")
        with pytest.raises(Exception, match="the limit is 245760"):
            publish("hostile-large", {"v": hostile.TOUCHED + "x" * 245_760}, "too large")
    live.quiet()
    found = [
        event_reader.select(argo_source.document_of(one) or {})[0] for one in workflows(live.kubernetes, "hostilelarge")
    ]
    assert [exact_json.dumps(one.payload) for one in found] == texts
    assert len(texts[0].encode()) == 245_760


READ = """
import pickle, sys
from metaflow import Flow, namespace
namespace(None)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
found = {}
for name in sys.argv[2:]:
    task = Flow(name).latest_run['start'].task
    found[name] = {artifact.id: artifact.data for artifact in task.artifacts}
pickle.dump(found, open(sys.argv[1], 'wb'))
"""


@pytest.mark.long
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_all_values_arrive_in_runs(launch: Launch, kubernetes, aws, tmp_path: Path) -> None:  # noqa: F811
    world = World(kubernetes, aws, tmp_path, launch(kubernetes))
    flows = {f"Hostile{kind.title()}": listener(kind) for kind in KINDS}
    wrong = {**ALONE["HostileOneInt"], "start": f"open('{hostile.TOUCHED}', 'w').close()"}
    for name, spec in {**flows, "HostileOneInt": wrong}.items():
        world.write(f"{name.lower()}.py", flow_text(name, **spec))
        world.deploy(f"{name.lower()}.py")
    world.live.start_all()
    with publishing(world.live, "default"):
        publish("hostile-all", exact_json.loads(payload()), "all")
        publish("hostile-one", {"v": "x $(touch hostile-touched)"}, "wrong")
    ran = world.run_all()
    assert {name.rpartition("-")[0]: phase for name, phase in ran.items()} == {
        **{name.lower(): "Succeeded" for name in flows},
        "hostileoneint": "Failed",
    }, world.output()
    told_why = world.runner.output(next(name for name in ran if name.startswith("hostileoneint")))
    assert "hostile-one" in told_why and "'v'" in told_why
    world.command("-c", READ, str(tmp_path / "read"), *flows, METAFLOW_DEFAULT_METADATA="local")
    arrived = pickle.loads((tmp_path / "read").read_bytes())
    told = []
    for kind in KINDS:
        has = arrived[f"Hostile{kind.title()}"]
        assert has["payload_text"] == payload(), kind
        for number, value in fitting(kind).items():
            if not same(has[f"p{number}"], None if value is DEFAULT else value):
                told.append((kind, list(VALUES)[number], has[f"p{number}"], value))
    assert told == []
    assert files_below(tmp_path) == files_below(world.live.folder) == files_below(Path.cwd()) == []
