"""Switches on Argo's own controller, wherever Metaflow lets them stand: each run takes the steps that it says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture

from ..argo.conftest import which_cluster
from ..argo.created_workflows import Cluster
from ..argo.test_workflow_runs import place
from ..argo.workflow_runner import why_not
from .both import asked_of_both
from .shapes import flow_text

__all__ = ["place", "which_cluster"]
pytest_generate_tests = asked_of_both
pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.long,
]

SHAPES: dict[str, tuple[str, str]] = {
    "FirstOfEach": (
        """start: each route
        route: switch x=a y=b
        a: to together
        b: to together
        together: to join
        join+: to end
        end: nothing""",
        "[route a together | route b together] join end",
    ),
    "LaterOfEach": (
        """start: each prepared
        prepared: to route
        route: switch x=a y=b
        a: to together
        b: to together
        together: to join
        join+: to end
        end: nothing""",
        "[prepared route a together | prepared route b together] join end",
    ),
    "FirstOfInner": (
        """start: each row
        row: each route
        route: switch x=a y=b
        a: to together
        b: to together
        together: to inner
        inner+: to join
        join+: to end
        end: nothing""",
        "[[route a together | route b together] inner | [route a together | route b together] inner] join end",
    ),
    "EachInABranchOfAnItem": (
        """start: each route
        route: switch x=a y=b
        a: each cell
        cell: to inner
        inner+: to together
        b: to together
        together: to join
        join+: to end
        end: nothing""",
        "[[cell | cell] inner together | route b together] join end",
    ),
    "AfterJoin": (
        """start: each work
        work: to join
        join+: to route
        route: switch x=a y=b
        a: to end
        b: to end
        end: nothing""",
        "[work | work] join route a end",
    ),
    "InItemsAndAfterThem": (
        """start: each route
        route: switch x=a y=b
        a: to both
        b: to both
        both: to join
        join+: to route_2
        route_2: switch x=c y=d
        c: to fin
        d: to fin
        fin: to end
        end: nothing""",
        "[route a both | route b both] join route_2 c fin end",
    ),
    "InItemsTwice": (
        """start: each route
        route: switch x=a y=b
        a: to z_together
        b: to z_together
        z_together: to route_2
        route_2: switch x=c y=d
        c: to fin
        d: to fin
        fin: to join
        join+: to end
        end: nothing""",
        "[route a z_together route_2 c fin | route b z_together route_2 d fin] join end",
    ),
    "ItemsInABranch": (
        """start: switch x=a y=b
        a: each cell
        cell: switch x=c y=d
        c: to either
        d: to either
        either: to inner
        inner+: to finish
        b: to finish
        finish: to end
        end: nothing""",
        "[cell c either | cell d either] inner finish end",
    ),
    "InSwitch": (
        """start: each route
        route: switch x=a y=b
        a: switch x=c y=d
        c: to both
        d: to both
        both: to together
        b: to together
        together: to join
        join+: to end
        end: nothing""",
        "[route a c both together | route b together] join end",
    ),
    "PastABranch": (
        """start: each route
        route: switch x=a y=together
        a: to together
        together: to join
        join+: to end
        end: nothing""",
        "[route a together | route together] join end",
    ),
    "ToEnd": (
        """start: to route
        route: switch x=a y=end
        a: to end
        end: nothing""",
        "start route a end",
    ),
    "StartToEnd": (
        """start: switch x=a y=end
        a: to end
        end: nothing""",
        "start a end",
    ),
    "Again": (
        """start: to loop
        loop: switch x=loop y=done
        done: to end
        end: nothing""",
        "start loop loop loop done end",
    ),
    "AgainOfEach": (
        """start: each loop
        loop: switch x=loop y=done
        done: to join
        join+: to end
        end: nothing""",
        "[loop loop loop done | loop loop loop done] join end",
    ),
    "AgainInItems": (
        """start: each prepared
        prepared: to loop
        loop: switch x=loop y=done
        done: to join
        join+: to end
        end: nothing""",
        "[prepared loop loop loop done | prepared loop loop loop done] join end",
    ),
    "InBranchesOfItems": (
        """start: each row
        row: split p q
        p: switch x=a y=b
        a: to together
        b: to together
        together: to both
        q: to both
        both+: to join
        join+: to end
        end: nothing""",
        "[[p a together | q] both | [p b together | q] both] join end",
    ),
    "StraightToJoin": (
        """start: split p q
        p: switch x=a y=b
        a: to join
        b: to join
        q: to join
        join+: to end
        end: nothing""",
        "[p a | q] join end",
    ),
    "BranchesInABranch": (
        """start: switch x=a y=b
        a: split p q
        p: to inner
        q: to inner
        inner+: to end
        b: to end
        end: nothing""",
        "[p | q] inner end",
    ),
}
OTHER_WAY = {
    "AfterJoin": "[work | work] join route b end",
    "ItemsInABranch": "start b finish end",
    "ToEnd": "start route end",
    "StartToEnd": "start end",
    "StraightToJoin": "[p b | q] join end",
    "BranchesInABranch": "start b end",
}
"""What runs of odd number say, of shapes with a switch that is no item's."""


SHARES = 4
"""So that one that fails says so before the others are done."""


@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_takes_the_steps_that_its_switches_say(place: Cluster, share: int) -> None:
    flows = {name: (lines, 0, way) for name, (lines, way) in SHAPES.items()}
    flows |= {f"{name}Odd": (SHAPES[name][0], 1, way) for name, way in OTHER_WAY.items()}
    flows = dict(list(flows.items())[share::SHARES])
    folder = place.folder / "flows"
    folder.mkdir()
    for name, (lines, number, _) in flows.items():
        (folder / f"{name.lower()}.py").write_text(flow_text(name, lines, number), "utf-8")
    place.command("-m", "metaflow_triggers.commands.cli", "create", str(folder), "--backend", "argo-workflows")
    made = {name: place.post(by_hand(name)) for name in flows}
    phases = {name: place.runner.run(workflow) for name, workflow in made.items()}
    bad = "\n".join(place.runner.output(name.lower()) for name, phase in phases.items() if phase != "Succeeded")
    assert phases == dict.fromkeys(flows, "Succeeded"), bad
    told = place.read("namespace(None)\ntell({name: Flow(name).latest_run.data.way for name in sys.argv[1:]})", *flows)
    assert told == {name: way for name, (_, _, way) in flows.items()}


def by_hand(name: str) -> dict[str, Any]:
    metadata = {"name": name.lower(), "namespace": "default"}
    spec = {"workflowTemplateRef": {"name": name.lower()}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}
