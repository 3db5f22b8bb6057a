"""METAFLOW_TRIGGERS_COMPAT=upstream: every *(differs)* item of the semantics, with it and without it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ..commands.conftest import Run, run, triggers  # noqa: F401 - fixtures
from . import flows

FLOWS = {
    "Bare": "@trigger(event='a')",
    "NotAuto": "@trigger(event='a', options={'auto_map': False})",
    "Mapped": "@trigger(event={'name': 'a', 'parameters': {'amount': 'total'}})",
    "Two": "@trigger(events=['a', 'b'])",
    "Tuple": "@trigger(event={'name': 'a', 'parameters': ('amount',)})",
    "Unknown": "@trigger(event={'name': 'a', 'parameter': {'amount': 'total'}})",
    "UnknownOfFlow": "@trigger_on_finish(flow={'name': 'Bare', 'projekt': 'x'})",
    "Finish": "@trigger_on_finish(flows=['Bare', 'Two'])",
    "FinishAny": "@trigger_on_finish(flows=['Bare', 'Two'], require='any')",
    "Both": "@trigger(event='a')\n@trigger_on_finish(flow='Bare')",
    "Hyphens": "@project(name='shop-eu')\n@trigger(event='a')",
    "OtherCase": "@trigger(event={'name': 'a', 'parameters': {'AMOUNT': 'total'}})",
    "UnknownOption": "@trigger(event='a', options={'reset': 'never'})",
    "Cron": "@schedule(cron='0 9 * * 1')",
    "Namespaced": "@project(name='shop')\n@trigger(event=namespaced_event_name('x'))",
}
UPSTREAM = {"METAFLOW_TRIGGERS_COMPAT": "upstream"}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """{"upstream" | "ours": {flow: model}} as the children of the project command read them."""
    import subprocess
    import sys

    from ..commands.conftest import clean

    folder = tmp_path_factory.mktemp("compatibility")
    flows.write(folder / "f.py", FLOWS)
    script = (
        "import os, json; os.environ['METAFLOW_TRIGGERS_OFFLINE'] = '1'\n"
        "import metaflow\n"
        "from metaflow_triggers.reading.project import Request, read_project\n"
        "from metaflow_triggers.model.serialize import to_json\n"
        "read = read_project(['f.py'], Request(backends=('argo-workflows',), workflow=False, workers=2))\n"
        "print(json.dumps([{f.flow.name: to_json(f.flow) for f in read.flows},"
        " [[d.code, d.severity, d.message] for d in read.diagnostics]]))"
    )
    out = {}
    for name, more in (("upstream", UPSTREAM), ("ours", {})):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env=clean(folder, METAFLOW_USER="ada", **more),
            capture_output=True,
            text=True,
            check=True,
        )
        models, found = json.loads(done.stdout.splitlines()[-1])
        out[name] = {"flows": models, "found": found}
    return out


def trigger(read: Any, how: str, flow: str) -> Any:
    return read[how]["flows"][flow]["triggers"][0]


def told(read: Any, how: str, flow: str) -> list[tuple[str, str]]:
    return [(code, severity) for code, severity, message in read[how]["found"] if f"`{flow}`" in message]


def test_a_bare_event_maps_all_parameters(read: Any) -> None:
    assert trigger(read, "upstream", "Bare")["auto_map"] is True
    assert trigger(read, "ours", "Bare")["auto_map"] is False
    for flow in ("NotAuto", "Mapped", "Two"):
        assert trigger(read, "upstream", flow)["auto_map"] is False, flow


def test_several_flows_mean_all(read: Any) -> None:
    assert trigger(read, "upstream", "Finish")["join"] == "all"
    assert trigger(read, "ours", "Finish")["join"] == "any"
    for how in ("upstream", "ours"):
        assert trigger(read, how, "FinishAny")["join"] == "any"
        assert trigger(read, how, "Two")["join"] == "all"


def test_a_tuple_of_parameters_is_dropped(read: Any) -> None:
    upstream, ours = (trigger(read, how, "Tuple") for how in ("upstream", "ours"))
    assert upstream["dependencies"][0]["mappings"] == [] and upstream["auto_map"] is True
    assert [item["parameter"] for item in ours["dependencies"][0]["mappings"]] == ["amount"]
    assert told(read, "upstream", "Tuple") == [("FT111", "warning")] and told(read, "ours", "Tuple") == []


def test_unknown_keys_are_ignored_with_a_warning(read: Any) -> None:
    for flow in ("Unknown", "UnknownOfFlow"):
        assert told(read, "upstream", flow) == [("FT103", "warning")]
        assert told(read, "ours", flow) == [("FT103", "")]  # the rule's own weight: an error


def test_what_metaflow_refuses_is_not_restored(read: Any) -> None:
    for how in ("upstream", "ours"):
        assert told(read, how, "Both") == [] and len(read[how]["flows"]["Both"]["triggers"]) == 2
        assert read[how]["flows"]["Hyphens"]["project"] == "shop-eu"


def test_a_parameter_is_found_in_any_case(read: Any) -> None:
    upstream, ours = (trigger(read, how, "OtherCase")["dependencies"][0]["mappings"][0] for how in ("upstream", "ours"))
    assert (upstream["parameter"], ours["parameter"]) == ("amount", "AMOUNT")


def test_unknown_options_are_ignored_with_a_warning(read: Any) -> None:
    assert told(read, "upstream", "UnknownOption") == [("FT107", "warning")]
    assert told(read, "ours", "UnknownOption") == [("FT107", "")]


def test_five_fields_are_a_schedule(read: Any) -> None:
    assert told(read, "upstream", "Cron") == [("FT117", "warning")]
    assert read["upstream"]["flows"]["Cron"]["schedule"]["cron"] == "0 9 * * 1"
    assert told(read, "ours", "Cron") == [("FT117", "")]
    assert read["ours"]["flows"]["Cron"]["schedule"] is None


def test_namespaced_names(read: Any) -> None:
    names = [trigger(read, how, "Namespaced")["dependencies"][0]["name"] for how in ("upstream", "ours")]
    assert names == ["mfns.shop.user.ada.x", "shop.user.ada.x"]


def test_a_misspelt_value_is_an_error(tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    flows.write(tmp_path / "f.py", {"Bare": FLOWS["Bare"]})
    found = flows.check(triggers, tmp_path, METAFLOW_TRIGGERS_COMPAT="upstraem")
    assert ("FT007", "error") in [(item["code"], item["severity"]) for item in found]
    found = flows.check(triggers, tmp_path, **UPSTREAM)
    assert "error" not in [item["severity"] for item in found], os.linesep.join(item["message"] for item in found)
