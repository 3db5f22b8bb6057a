"""The code package's place stands in one line of a template, which means what it meant with the place in each step."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile.open_settings import resolve
from metaflow_triggers.backends.step_functions.verify.code_read_back import code_differences
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text

from tests.flows import GRAPH

from .samples import CONFIGURED, MAPPING_FLOW, WORKFLOW

SHA = "89abcdef0123456789abcdef0123456789abcdef"
PATH = f"OrderFlow/data/{SHA[:2]}/{SHA}"


def workflow() -> dict[str, Any]:
    """As upstream's compiler names the package: in the command, in the environment, in a text that is joined."""
    made = copy.deepcopy(WORKFLOW)
    for state in made["definition"]["States"].values():
        overrides = state["Parameters"]["ContainerOverrides"]
        overrides["Command"][2] += f" && load OPEN.DatastorePrefix.SETTING/{PATH} ${{X:-y}}"
        url = f"s3://OPEN.DatastoreBucket.SETTING/{PATH}"
        overrides["Environment"] += [
            {"Name": "METAFLOW_CODE_URL", "Value": url},
            {"Name": "METAFLOW_CODE_SHA", "Value": SHA},
        ]
    return made


def template(**more: Any) -> Any:
    return step_functions.manifests(MAPPING_FLOW, GRAPH, workflow() | more, CONFIGURED)[0].content


def test_it_stands_once_and_means_the_same() -> None:
    each, once = template(), template(code_package=PATH)
    text = yaml_text(once)
    assert (text.count(PATH), text.count(SHA)) == (1, 1) and yaml_text(each).count(SHA) == 6
    assert once["Mappings"] == {"Code": {"Package": {"Path": PATH}}} and "Mappings" not in each
    assert findings(once, step_functions.SCHEMA) == [] and list(code_differences(once, MAPPING_FLOW)) == []

    def meant(whole: Any) -> Any:
        return resolve(whole["Resources"], str.lower, lambda *names: ".".join(names), whole.get("Mappings"))

    assert meant(each) == meant(once)
    assert "Mappings" not in step_functions.trigger_part(once)
    assert once["Parameters"] == each["Parameters"]


def _of_another_flow(whole: Any) -> None:
    whole["Mappings"]["Code"]["Package"]["Path"] = PATH.replace("OrderFlow", "Other")


def _missing(whole: Any) -> None:
    del whole["Mappings"]


def _idle(whole: Any) -> None:
    del whole["Resources"]["StateMachine"]


def _elsewhere(whole: Any) -> None:
    states = whole["Resources"]["StateMachine"]["Properties"]["Definition"]["States"]
    states["end"]["Comment"] = {"Fn::FindInMap": ["Code", "Package", "Sha"]}


@pytest.mark.parametrize("change", [_of_another_flow, _missing, _idle, _elsewhere])
def test_another_place_is_a_mistake(change: Any) -> None:
    whole = template(code_package=PATH)
    change(whole)
    assert list(code_differences(whole, MAPPING_FLOW)) != []


@pytest.mark.parametrize("place", ["", "x/data/ab/cd", f"{PATH}/", f"../{PATH}", "${Ref}"])
def test_the_schema_knows_such_places_only(place: str) -> None:
    whole = template(code_package=PATH)
    whole["Mappings"]["Code"]["Package"]["Path"] = place
    assert findings(whole, step_functions.SCHEMA) != []
