"""Switch regions: held against their definition, over ways that are written out."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from metaflow_triggers.seams.switch_regions import Regions, regions

from tests.worlds.kubernetes.shapes import flow_text

from .run import python, succeeded


def graph(**steps: str) -> dict[str, Any]:
    """`a='x y'` leads to x and y by a switch, `a='& x y'` to both."""
    made = {}
    for name, to in steps.items():
        out = to.removeprefix("& ").split()
        kind = "end" if not out else "split" if to.startswith("&") else "split-switch" if len(out) > 1 else "linear"
        made[name] = SimpleNamespace(type=kind, out_funcs=out)
    return made


def by_definition(steps: dict[str, Any]) -> Regions:
    def ways(name: str) -> list[list[str]]:
        rest = [way for one in steps[name].out_funcs if one != name for way in ways(one)]
        return [[name, *way] for way in rest] or [[name]]

    switches = [name for name in steps if steps[name].type == "split-switch"]
    meets, conditional = {}, set()
    for name in switches:
        every = [way[1:] for way in ways(name)]
        meets[name] = next(step for step in every[0] if all(step in way for way in every))
        conditional |= {step for way in every for step in way[: way.index(meets[name])]}
    recursive = frozenset(name for name in switches if name in steps[name].out_funcs)
    return Regions(frozenset(conditional), meets, recursive)


def test_ways_that_meet_in_a_foreach_do_not_meet_behind_it() -> None:
    """Whatever the steps are called: here the second switch's ways meet in a step that comes late in the alphabet."""
    found = regions(
        graph(
            start="route",
            route="a b",
            a="both",
            b="both",
            both="join",
            join="route_2",
            route_2="c d",
            c="fin",
            d="fin",
            fin="end",
            end="",
        ),
        "start",
    )
    assert found.meets == {"route": "both", "route_2": "fin"}
    assert found.conditional == {"a", "b", "c", "d"}


def test_a_switch_that_leads_to_itself_meets_behind_it() -> None:
    found = regions(graph(start="loop", loop="loop done", done="end", end=""), "start")
    assert found == Regions(frozenset(), {"loop": "done"}, frozenset({"loop"}))


def test_any_graph_has_the_regions_of_the_definition() -> None:
    """Upstream's trouble was the order of names, so these are in none."""
    chance = random.Random(1)
    for _ in range(300):
        names = [f"s{number}" for number in range(chance.randint(3, 12))]
        chance.shuffle(names)
        steps = {}
        for place, name in enumerate(names[:-1]):
            later = names[place + 1 :]
            to = [later[0], *chance.sample(later[1:], min(len(later) - 1, chance.choice([0, 0, 1, 2])))]
            to += [name] * (len(to) > 1 and chance.random() < 0.2)
            steps[name] = ("& " if len(to) > 1 and name not in to and chance.random() < 0.3 else "") + " ".join(to)
        made = graph(**steps, **{names[-1]: ""})
        assert regions(made, names[0]) == by_definition(made)


def test_a_foreach_has_its_own_steps_and_no_more(tmp_path: Path) -> None:
    """Metaflow alone puts all that follows into the template of the items, which Argo refuses."""
    flow = tmp_path / "flow.py"
    lines = """start: each route
        route: switch x=a y=b
        a: to both
        b: to both
        both: to join
        join+: to route_2
        route_2: switch x=c y=d
        c: to fin
        d: to fin
        fin: to end
        end: nothing"""
    flow.write_text(flow_text("TwoSwitches", lines), "utf-8")
    prepared = Path(__file__).with_name("prepared.py")
    made = json.loads(succeeded(python(prepared, flow, "workflows", "argo-workflows", cwd=tmp_path)))
    templates = made["argo-workflows"]["workflow_template"]["spec"]["templates"]
    tasks = {one["name"]: [task["name"] for task in one["dag"]["tasks"]] for one in templates if "dag" in one}
    assert {name: sorted(names) for name, names in tasks.items()} == {
        "start-foreach-items": ["a", "b", "both", "route"],
        "TwoSwitches": ["c", "d", "end", "fin", "join", "route-2", "start", "start-foreach-items"],
    }
