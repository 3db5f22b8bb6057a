"""METAFLOW_TRIGGERS_COMPAT=upstream, held at the emitted objects against what Metaflow alone deploys.

Of the nine places where the semantics differ from Metaflow's, six are meanings that deploy: they come back. Three are a
crash or a refusal of Metaflow's: they do not.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn

from .emulated_aws import Aws, clean_environment

FILE = """from metaflow import *


{decorators}
class {name}(FlowSpec):
    amount = Parameter("amount", type=float, default=1.5)
    note = Parameter("note", required=True)
{more}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    {name}()
"""
PLAIN = FILE.replace("required=True", 'default="none"')

EVENTS = {
    "BareEvent": "@trigger(event='a')",
    "OneOfAList": "@trigger(events=['a'])",
    "MappedEvent": "@trigger(event={'name': 'a', 'parameters': {'amount': 'total'}})",
    "ListMapped": "@trigger(event={'name': 'a', 'parameters': ['amount', ('note', 'text')]})",
    "TwoEvents": "@trigger(events=['a', 'b'])",
    "TupleMapped": "@trigger(event={'name': 'a', 'parameters': ('amount',)})",
    "UnknownKey": "@trigger(event={'name': 'a', 'parameter': {'amount': 'total'}})",
    "UnknownOption": "@trigger(event='a', options={'reset': 'never'})",
    "OtherCase": "@trigger(event={'name': 'a', 'parameters': {'AMOUNT': 'total'}})",
    "TwoFlows": "@trigger_on_finish(flows=['BareEvent', 'TwoEvents'])",
    "UnknownOfFlow": "@trigger_on_finish(flow={'name': 'BareEvent', 'projekt': 'x'})",
    "OfProject": "@project(name='shop')\n@trigger(event=namespaced_event_name('x'))",
    "NoProject": "@trigger(event=namespaced_event_name('x'))",
}
SCHEDULES = {
    "FiveFields": "@schedule(cron='0 9 * * 1')",
    "SixFields": "@schedule(cron='0 9 ? * 2 *')",
    "WithYear": "@schedule(cron='30 6 ? * MON-FRI 2030')",
    "NthDay": "@schedule(cron='0 9 ? * 2#1 2030')",
    "Saturday": "@schedule(cron='0 9 ? * 7 *')",
    "Weekly": "@schedule(weekly=True)",
    "Hourly": "@schedule(hourly=True)",
    "InBerlin": "@schedule(cron='0 9 ? * 2 *', timezone='Europe/Berlin')",
}
NOT_RESTORED = {
    "MixedCase": ("@trigger(event={'name': 'a', 'parameters': {'Total': 'total'}})", "Total = Parameter('Total')"),
    "BothKinds": ("@trigger(event='a')\n@trigger_on_finish(flow='BareEvent')", ""),
    "Hyphens": ("@project(name='shop-eu')\n@trigger(event='a')", ""),
}
FILLS_ALL = (
    "BareEvent",
    "OneOfAList",
    "ListMapped",
    "TupleMapped",
    "UnknownKey",
    "UnknownOption",
    "NoProject",
    "OfProject",
)
PRODUCTION = ("OfProject",)


@pytest.fixture(scope="module")
def cluster() -> Iterator[KubernetesStandIn]:
    with KubernetesStandIn() as running:
        yield running


@pytest.fixture(scope="module")
def settings(aws: Aws, cluster: KubernetesStandIn, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return {
        **clean_environment(str(home)),
        **aws.environment,
        **cluster.kubeconfig(home),
        "METAFLOW_ARGO_EVENTS_EVENT": "metaflow-event",
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": "webhook",
        "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": "events",
        "METAFLOW_ARGO_WORKFLOWS_USE_SCHEDULES": "1",
    }


def run(folder: Path, name: str, *command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    production = ("--production",) if name in PRODUCTION else ()
    return subprocess.run(
        [sys.executable, f"{name}.py", "--quiet", "--no-pylint", *production, "argo-workflows", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def deployed(settings: dict[str, str], cluster: KubernetesStandIn, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`deployed(name, decorators, more)`: what Metaflow alone deploys and what we do, as (kind -> object, messages)."""
    folder, empty = tmp_path_factory.mktemp("flows"), tmp_path_factory.mktemp("no_extensions")

    def both(name: str, decorators: str, more: str = "", file: str = FILE) -> tuple[Any, Any]:
        (folder / f"{name}.py").write_text(file.format(name=name, decorators=decorators, more=f"    {more}\n"), "utf-8")
        alone = run(folder, name, "create", environment={**settings, "METAFLOW_EXTENSIONS_SEARCH_DIRS": str(empty)})
        theirs = {
            kind: found[0]
            for kind, plural in (("Sensor", "sensors"), ("CronWorkflow", "cronworkflows"))
            if (found := [item for item in cluster.objects(plural).values() if belongs(item, name)])
        }
        ours = run(
            folder,
            name,
            *("compile", "--no-code-package"),
            environment={**settings, "METAFLOW_TRIGGERS_COMPAT": "upstream"},
        )
        assert ours.returncode == 0, ours.stderr
        made = {item["kind"]: item for item in yaml.safe_load_all(ours.stdout)}
        return (theirs, alone.stderr), (made, ours.stderr)

    return both


def belongs(item: Any, name: str) -> bool:
    return str(item["metadata"]["name"]).endswith(name.lower())


def upstreams_meaning(sensor: Any, parameters: set[str]) -> Any:
    """What a Sensor of Metaflow's waits for, whether it needs all, and which field goes where."""
    template = sensor["spec"]["triggers"][0]["template"]
    assert "conditions" not in template  # Argo then waits for all of them
    named, needed = {}, set()
    for item in sensor["spec"]["dependencies"]:
        for entry in item["filters"]["exprs"]:
            match = re.fullmatch(r"name == '(.*)'", entry["expr"])
            if match:
                named[item["name"]] = match[1]
            elif entry["expr"] == "true == true":
                needed.add(entry["fields"][0]["path"].rpartition(".")[2])
    mapped = {}
    for item in template["k8s"]["parameters"]:
        parameter = re.fullmatch(r"spec\.arguments\.parameters\.#\(name=(.*)\)\.value", item["dest"])
        source = re.search(r'hasKey \$\.Input\.body\.payload "([^"]+)"', item["src"].get("dataTemplate") or "")
        if parameter and parameter[1] in parameters:
            assert source is not None, item
            mapped[parameter[1]] = (named[item["src"]["dependencyName"]], source[1])
    return {"names": set(named.values()), "all": len(named) > 1, "mapped": mapped, "needed": needed}


def our_meaning(sensor: Any, parameters: set[str]) -> Any:
    """The same of ours, from its own fields and from the document that it gives a run."""
    triggers = [item["template"] for item in sensor["spec"]["triggers"] if item["template"]["name"].startswith("start")]
    document = json.loads(
        triggers[0]["k8s"]["source"]["resource"]["metadata"]["annotations"]["metaflow-triggers/dependencies"]
    )
    names, mapped = set(), {}
    for item in document["dependencies"]:
        name = item["name"] if item["kind"] == "event" else f"metaflow.{item['flow']}.end"
        names.add(name)
        for mapping in item["mappings"]:
            mapped[mapping["parameter"]] = (name, mapping["field"])
        if item["auto_map"]:
            mapped.update({parameter: (name, parameter) for parameter in parameters})
    return {"names": names, "all": "&&" in triggers[0]["conditions"], "mapped": mapped, "needed": needed(sensor)}


def needed(sensor: Any) -> set[str]:
    """Fields whose absence keeps an event from starting the flow."""
    scripts = " ".join(item.get("filters", {}).get("script", "") for item in sensor["spec"]["dependencies"])
    return {field for field in ("amount", "note", "text", "total") if f'"{field}"' in scripts}


@pytest.mark.parametrize("name", EVENTS)
def test_what_starts_a_flow_and_what_it_gets(deployed: Any, name: str) -> None:
    (theirs, alone), (ours, told) = deployed(name, EVENTS[name], file=FILE if name in FILLS_ALL else PLAIN)
    assert theirs, alone
    parameters = {"amount", "note"}
    wanted = upstreams_meaning(theirs["Sensor"], parameters)
    assert our_meaning(ours["Sensor"], parameters) == wanted
    assert ("warning[" in told) == (name in ("TupleMapped", "UnknownKey", "UnknownOption", "UnknownOfFlow")), told


@pytest.mark.parametrize("name", SCHEDULES)
def test_when_a_flow_starts(deployed: Any, name: str) -> None:
    (theirs, alone), (ours, told) = deployed(name, SCHEDULES[name], file=PLAIN)
    assert theirs, alone
    wanted = {key: value for key, value in theirs["CronWorkflow"]["spec"].items() if value is not None}
    assert ours["CronWorkflow"]["spec"] == {**wanted, "concurrencyPolicy": "Allow"}  # Argo's own default
    assert ("warning[" in told) == (name in ("FiveFields", "NthDay", "Saturday")), told


@pytest.mark.parametrize("name", NOT_RESTORED)
def test_what_metaflow_cannot_deploy_goes_on_working(deployed: Any, name: str) -> None:
    (theirs, alone), (ours, _) = deployed(name, *NOT_RESTORED[name], file=PLAIN)
    assert not theirs and alone
    assert ours["Sensor"]


def test_nothing_of_this_process_reaches_the_commands() -> None:
    assert "METAFLOW_TRIGGERS_COMPAT" not in os.environ
