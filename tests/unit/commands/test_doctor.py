"""`metaflow-triggers doctor` as it is typed: this machine, the targets, formats, exit codes."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from metaflow_triggers import seams
from metaflow_triggers.backends.shape import Spec
from metaflow_triggers.commands import doctor, machine
from metaflow_triggers.doctor.findings import FINE, LACKING, NOT_ASKED, Target, fine, lacking, not_asked
from metaflow_triggers.doctor.json import json_text
from metaflow_triggers.doctor.text import text
from metaflow_triggers.manifests.schemas import findings

from ...worlds.argo.kubernetes_stand_in import KubernetesStandIn
from ..seams.test_switches import switching_off
from .conftest import ROOT, Run

ORDERS = ROOT / "examples/process_order/flow.py"
ME = {"METAFLOW_USER": "me"}


def by_thing(document: str, target: str) -> dict[str, Any]:
    told = json.loads(document)
    assert findings(told, "doctor/findings") == []
    (found,) = [item["findings"] for item in told["targets"] if item["name"] == target]
    return {item["thing"]: item for item in found}


def test_a_machine_that_has_all(triggers: Run, tmp_path: Path) -> None:
    done = triggers("doctor", "--backend", "local", "--format", "json", cwd=tmp_path, settings=ME)
    assert done.code == 0 and done.err == ""
    assert {item["state"] for item in by_thing(done.out, "this machine").values()} == {FINE}
    assert set(by_thing(done.out, "local")) == {"SQLite", "database", "folder for logs"}
    assert json.loads(done.out)["summary"] == {"fine": 7, "lacking": 0, "not_asked": 0}
    assert list(tmp_path.iterdir()) == []


def test_what_is_switched_off_beside_another_extension_and_nobodys_name(triggers: Run, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    shutil.copy(ORDERS, tmp_path / "work")
    other = switching_off(tmp_path, "step-functions")
    settings = {"PYTHONPATH": other, "USER": "root"}
    done = triggers(
        "doctor", "--backend", "step-functions", "--format", "json", cwd=tmp_path / "work", settings=settings
    )
    assert done.code == 1
    here = by_thing(done.out, "this machine")
    assert {name: item["code"] for name, item in here.items() if item["state"] == LACKING} == {"user name": "FT002"}
    assert "on PYTHONPATH" in here["other extensions"]["found"]
    assert by_thing(done.out, "step-functions")["Metaflow"]["code"] == "FT008"


def test_a_cluster_by_its_kubeconfig(triggers: Run, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    shutil.copy(ORDERS, tmp_path / "work")
    (tmp_path / "work" / "broken.py").write_text(ORDERS.read_text().replace("'name': 'order-placed'", "'nmae': 'x'"))
    with KubernetesStandIn() as server:
        settings = ME | server.kubeconfig(tmp_path) | {"METAFLOW_DATASTORE_SYSROOT_S3": "s3://flows"}
        settings |= {
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "a-key-of-mine",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        settings |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
        done = triggers("doctor", "--backend", "argo-workflows", cwd=tmp_path / "work", settings=settings)
        assert server.store.objects == {}
    assert done.code == 1 and "a-key-of-mine" not in done.out + done.err
    lacks = {line[13:].split("  ")[0] for line in done.out.splitlines() if line.startswith("  lacking")}
    assert lacks == {"flows", "datastore", "event bus", "account of runs"}
    assert "= mend: metaflow-triggers check ." in done.out
    assert done.out.splitlines()[-1].startswith("what they mean: metaflow-triggers explain FT")


def test_without_a_cluster_standard_output_is_the_document_alone(triggers: Run, tmp_path: Path) -> None:
    """Kubernetes' own `load_config` prints there that it has found no file."""
    home = {**ME, "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")}
    done = triggers("doctor", "--backend", "argo-workflows", "--format", "json", cwd=tmp_path, settings=home)
    assert done.code == 1 and by_thing(done.out, "argo-workflows")["cluster"]["state"] == LACKING


def test_another_package_that_cannot_be_asked() -> None:
    spec = Spec("chalk", "Chalk", seams.Upstream(workflow=None), lambda: None, lambda: None, lambda *_: None, "")
    (found,) = doctor._of("chalk", argparse.Namespace(backend=None), lambda: spec, None, [])
    assert (found.state, found.thing) == (NOT_ASKED, "all")


def test_releases_that_are_not_known() -> None:
    here = sys.version_info[:2]
    assert machine._supported() and machine._python([here]).state == FINE
    found = machine._python([(3, 7), (3, 8)])
    assert (found.state, found.mends) == (LACKING, ("use Python 3.7 to 3.8",))
    found = machine._metaflow("2.18.3", ())
    assert (found.state, found.code) == (LACKING, "FT004") and "metaflow>=2.19.0" in found.mends[0]
    assert not seams.is_old("2.20") and not seams.is_old("main")


def test_lines_are_harmless_and_summed() -> None:
    found = (Target("x", (fine("a", "b"), lacking("c", "d\x1b[2J\n", "set E", code="FT002"), not_asked("f", "g"))),)
    assert text(found).splitlines() == [
        "x",
        "  fine       a  b",
        "  lacking    c  d\\x1b[2J\\n (FT002)",
        "             = mend: set E",
        "  not asked  f  needs g",
        "1 lacking, 1 not asked, 1 fine",
        "what they mean: metaflow-triggers explain FT002",
    ]
    assert findings(json.loads(json_text(found)), "doctor/findings") == []
    assert findings(json.loads(json_text(found)) | {"more": 1}, "doctor/findings") != []


@pytest.mark.parametrize("of", ["doctor", "check"])
def test_the_schema_is_printed(of: str, capsys: pytest.CaptureFixture[str]) -> None:
    from metaflow_triggers.commands.cli import main

    assert main(["schema", of]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(told)
    assert ("doctor" in told["title"]) == (of == "doctor")
