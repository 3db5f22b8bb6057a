"""Checks: each mistake found, once, at its place; nothing said of what is right."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.diagnostics.order import ordered
from metaflow_triggers.graph.cycles import cycles
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.serialize import from_json, to_json
from metaflow_triggers.reports.text import render_text
from metaflow_triggers.rules.find import check
from metaflow_triggers.rules.weight import severity

from ..graph.build import all_of, any_of, event, finished, flow, needed, parameter
from ..graph.test_link import FLOWS, build


def found(*flows, project_wide=True, external_flows=frozenset(), external_events=frozenset()):
    graph = link(flows, external_flows)
    return check(graph, project_wide, external_flows, external_events)


def codes(*flows, **words):
    return [item.code for item in found(*flows, **words)]


def only(code, *flows, **words):
    items = [item for item in found(*flows, **words) if item.code == code]
    assert len(items) == 1, items
    return items[0]


# --- between flows ----------------------------------------------------------------------------------


def test_nothing_is_said_of_flows_that_fit():
    assert not found(
        flow("Train", emits=["trained"]),
        flow("Score", any_of(finished("Train", ("run", "run_id"))), parameters=[needed("run")]),
        flow("Deploy", any_of(event("trained", ("model", "model"))), parameters=[needed("model")]),
    )


def test_unknown_flow_with_the_closest_name():
    item = only("FT201", flow("Report", any_of(finished("ScoreFlw"))), flow("ScoreFlow"))
    assert item.message == "`Report` waits for flow `ScoreFlw`, which these files do not define"
    assert (item.span.file, item.span.line) == ("Report.py", 10)
    assert item.helps[0] == "did you mean `ScoreFlow`?"
    assert [(span.file, label) for span, label in item.others] == [("ScoreFlow.py", "the closest name is defined here")]


def test_a_flow_of_the_name_in_another_branch_is_shown():
    item = only(
        "FT201",
        flow("Report", any_of(finished("Score", project="ml", branch="user.ada")), project="ml", branch="user.ada"),
        flow("Score", project="ml", branch="prod"),
    )
    assert "of project `ml`, branch `user.ada`" in item.message
    assert item.others[0][1] == "this one is of project `ml`, branch `prod`"
    assert item.helps[0] == "to wait for it, write `ml.prod.Score`"


def test_unknown_flows_count_only_where_all_flows_are_known():
    report = flow("Report", any_of(finished("Gone"), event("gone")))
    assert sorted(codes(report)) == ["FT201", "FT202"]
    assert codes(report, project_wide=False) == []
    assert codes(report, external_flows=frozenset(["Gone"]), external_events=frozenset(["gone"])) == []


def test_an_event_that_nobody_emits_is_a_warning_where_flows_emit_at_all():
    item = only("FT202", flow("A", emits=["order-placed"]), flow("B", any_of(event("orders-placed"))))
    assert severity(item) == "warning"
    assert item.helps[0] == "did you mean `order-placed`?"
    assert item.others[0][0].file == "A.py"
    assert severity(only("FT202", flow("A", emits=["order"]), flow("B", any_of(event("orders"))))) == "warning"
    assert severity(only("FT202", flow("A", emits=["unlike"]), flow("B", any_of(event("orders"))))) == "note"
    assert severity(only("FT202", flow("B", any_of(event("orders"))))) == "note"


def test_a_circle_is_shown_as_a_path_with_each_edge():
    item = only(
        "FT203",
        flow("A", any_of(finished("C"))),
        flow("B", any_of(finished("A"))),
        flow("C", any_of(finished("B"))),
        flow("D", any_of(finished("C"))),
    )
    assert item.message == "flows start each other in a circle: `A` -> `B` -> `C` -> `A`"
    assert item.span.file == "B.py"
    assert [(span.file, label) for span, label in item.others] == [
        ("C.py", "`B` starts `C` on success"),
        ("A.py", "`C` starts `A` on success"),
    ]
    assert severity(item) == "error"


def test_a_flow_that_starts_itself():
    assert only("FT203", flow("A", any_of(finished("A")))).message.endswith("circle: `A` -> `A`")


def test_a_circle_that_success_ends_is_a_warning():
    item = only(
        "FT203", flow("A", any_of(finished("Repair"))), flow("Repair", any_of(finished("A", match=("failure",))))
    )
    assert severity(item) == "warning"


def test_two_circles_through_one_flow_are_two_findings():
    assert codes(
        flow("A", any_of(finished("B"), finished("C"))),
        flow("B", any_of(finished("A"))),
        flow("C", any_of(finished("A"))),
    ) == ["FT203", "FT203"]


def test_a_long_circle_is_one_finding_of_bounded_size():
    size = 3000
    item = only("FT203", *(flow(f"F{n:04}", any_of(finished(f"F{(n - 1) % size:04}"))) for n in range(size)))
    assert len(item.message) < 400 and len(item.others) == 10
    assert "2989 more flows of the circle are not shown" in item.notes


def test_two_flows_of_one_name():
    item = only("FT204", flow("Load", file="b.py"), flow("Load", file="a.py"))
    assert (item.span.file, item.others[0][0].file) == ("b.py", "a.py")
    one = flow("Load", project="p", branch="prod", file="a.py")
    assert codes(one, flow("Load", project="p", branch="production", file="b.py")) == ["FT204"]
    assert codes(one, flow("Load", project="p", branch="test.x", file="b.py"), flow("Load", file="c.py")) == []


# --- within a flow ----------------------------------------------------------------------------------


def test_one_name_twice():
    item = only("FT105", flow("A", any_of(event("x"), event("y"), event("x"))), project_wide=False)
    assert (item.span.line, item.others[0][0].line) == (12, 10)
    assert codes(flow("A", any_of(event("x")), any_of(event("x"))), project_wide=False) == []


def test_one_event_may_stand_several_times_with_other_filters_or_mappings():
    filtered = [event("x", filter='{"repo": ["a"]}'), event("x", filter='{"repo": ["b"]}'), event("x")]
    mapped = [event("x", ("p", "sha")), event("x", ("q", "sha"))]
    parameters = [parameter("p"), parameter("q")]
    for trigger in (any_of(*filtered), all_of(*filtered), any_of(*mapped), all_of(*mapped)):
        assert codes(flow("A", trigger, parameters=parameters), project_wide=False) == []
    # The same filter in another spelling says nothing new.
    same = [event("x", filter='{"b": [1], "a": [2]}'), event("x", filter='{"a": [2], "b": [1]}')]
    assert codes(flow("A", any_of(*same)), project_wide=False) == ["FT105"]
    origins = [
        event("x", filter=same_filter, origin=text) for same_filter, text in (('{"a": [1]}', "{}"), (None, None))
    ]
    assert codes(flow("A", any_of(*origins)), project_wide=False) == ["FT105"]


def test_one_flow_twice_only_where_outcomes_overlap():
    def twice(*matches):
        return codes(flow("A", any_of(*(finished("B", match=match) for match in matches))), project_wide=False)

    assert twice(("success",), ("failure",)) == []
    assert twice(("success",), ("failure", "success")) == ["FT105"]


def test_unknown_parameter():
    item = only(
        "FT301",
        flow(
            "A",
            any_of(event("x", ("usr_id", "id"))),
            parameters=[parameter("user_id"), parameter("usr_is", is_config=True)],
        ),
        project_wide=False,
    )
    assert item.message == "`A` maps parameter `usr_id`, which it does not have"
    assert item.helps == ("did you mean `user_id`?",)
    assert item.notes == ("`A` has `user_id`",)
    assert item.others[0][0].line == 50
    assert item.span.column == 20


def test_case_counts_in_parameter_names():
    item = only("FT301", flow("A", any_of(event("x", ("userid", "id"))), parameters=[parameter("userId")]))
    assert item.helps == ("did you mean `userId`?",)


def test_a_config_cannot_be_mapped():
    maps = any_of(event("x", ("c", "c")))
    assert codes(flow("A", maps, parameters=[parameter("c", is_config=True)]), project_wide=False) == ["FT302"]


def test_one_parameter_twice():
    parameters = [parameter("p")]
    twice = event("x", ("p", "a"), ("p", "b"))
    one, other = event("x", ("p", "a")), event("y", ("p", "b"))
    assert codes(flow("A", any_of(twice), parameters=parameters), project_wide=False) == ["FT303"]
    assert codes(flow("A", any_of(one, other), parameters=parameters), project_wide=False) == []
    assert codes(flow("A", all_of(one, other), parameters=parameters), project_wide=False) == ["FT303"]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (any_of(event("x")), ["FT304", "FT304"]),
        (any_of(event("x", ("p", "f"))), ["FT304"]),
        (any_of(event("x", ("p", "f"), ("q", ('"constant"',)))), []),
        (any_of(event("x", ("p", "f"), ("q", "f")), event("y", ("p", "f"))), ["FT304"]),
        (any_of(event("x"), event("y"), auto_map=True), []),
        (all_of(event("x", ("p", "f")), event("y", ("q", "f"))), []),
        (all_of(event("x", ("p", "f")), event("y", ("p2", "f"))), ["FT301", "FT304"]),
        (any_of(finished("B", ("p", "run_id"), ("q", "error"))), []),
        (any_of(finished("B", ("p", "run_id"))), ["FT304"]),
        (any_of(finished("B"), auto_map=True), ["FT304", "FT304"]),
    ],
)
def test_each_start_has_to_fill_what_is_required(trigger, expected):
    parameters = [
        needed("p"),
        needed("q"),
        parameter("r", required=True, has_default=True),
        parameter("s"),
        parameter("c", required=True, is_config=True),
    ]
    assert sorted(codes(flow("A", trigger, parameters=parameters), project_wide=False)) == expected


def test_a_misspelt_mapping_is_one_finding():
    wrong = event("x", ("usr_id", "id"))
    assert codes(flow("A", any_of(wrong), parameters=[needed("user_id")]), project_wide=False) == ["FT301"]
    assert sorted(codes(flow("A", any_of(wrong), parameters=[needed("region")]), project_wide=False)) == [
        "FT301",
        "FT304",
    ]


def test_an_unfilled_parameter_is_shown_beside_the_event():
    item = only("FT304", flow("A", any_of(event("signup")), parameters=[needed("user")]), project_wide=False)
    assert item.message == "event `signup` starts `A` without a value for its required parameter `user`"
    assert (item.span.line, item.others[0][0].line) == (10, 50)
    assert item.helps[0] == "write {'name': 'signup', 'parameters': {'user': 'field of the event'}}"
    assert "or map every parameter by name: `options={'auto_map': True}`" in item.helps


def test_a_schedule_gives_no_values():
    assert codes(
        flow("A", parameters=[needed("p"), parameter("q", required=True, has_default=True)], schedule=True)
    ) == ["FT305"]
    assert codes(flow("A", parameters=[parameter("p")], schedule=True)) == []


def test_fields_of_an_outcome():
    parameters = [parameter("p")]
    item = only("FT306", flow("A", any_of(finished("B", ("p", "runId"))), parameters=parameters), project_wide=False)
    assert item.helps == ("did you mean `run_id`?",)
    for field in ("flow", "run_id", "outcome", "project", "branch", "step", "error"):
        assert codes(flow("A", any_of(finished("B", ("p", field))), parameters=parameters), project_wide=False) == []
    assert codes(flow("A", any_of(event("B", ("p", "runId"))), parameters=parameters), project_wide=False) == []


def test_notes_on_what_was_taken():
    item = only("FT113", flow("A", all_of(event("x"), event("y"), stated=False)), project_wide=False)
    assert severity(item) == "note" and item.message.endswith("taken as `all`")
    assert item.helps == ("write `require='all'` to say so",)
    assert codes(flow("A", all_of(event("x"), event("y"))), project_wide=False) == []


def test_a_bare_event_on_a_flow_with_parameters():
    parameters = [parameter("p"), parameter("c", is_config=True)]
    item = only("FT114", flow("A", any_of(event("x")), parameters=parameters), project_wide=False)
    assert any("auto_map" in line for line in item.helps)
    assert codes(flow("A", any_of(event("x"), auto_map=True), parameters=parameters), project_wide=False) == []
    assert codes(flow("A", any_of(event("x"), event("y")), parameters=parameters), project_wide=False) == []
    assert codes(flow("A", any_of(event("x")), parameters=parameters[1:]), project_wide=False) == []


def test_a_mapping_that_several_dependencies_share_is_told_once():
    shared = [finished(name, ("nope", "run_id")) for name in "BC"]
    trigger = any_of(*shared)("A.py", 10)
    # As the decorator gives it: one place for both.
    same = trigger.dependencies[0].mappings
    made = [type(item)(**{**vars(item), "mappings": same}) for item in trigger.dependencies]
    built = type(trigger)(**{**vars(trigger), "dependencies": tuple(made)})
    assert codes(flow("A", lambda file, line: built), project_wide=False) == ["FT301"]


# --- properties -------------------------------------------------------------------------------------


@given(FLOWS, st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=100, deadline=None)
def test_findings_do_not_depend_on_order(rows, chance: random.Random, project_wide):
    flows = build(rows)
    items = check(link(flows), project_wide)
    shuffled = flows[:]
    chance.shuffle(shuffled)
    assert check(link(shuffled), project_wide) == items == ordered(items)
    assert check(from_json(json.loads(json.dumps(to_json(link(flows))))), project_wide) == items
    render_text(items, len(flows), read_line=lambda file, line: "class A: ...")


GRAPHS = st.integers(1, 9).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=16)
    )
)


def on_a_circle(size, pairs):
    """The pairs that lie on a circle, by transitive closure (Warshall)."""
    reach = [[(a, b) in pairs for b in range(size)] for a in range(size)]
    for via in range(size):
        for a in range(size):
            for b in range(size):
                reach[a][b] = reach[a][b] or (reach[a][via] and reach[via][b])
    return {(a, b) for a, b in pairs if a == b or reach[b][a]}


@given(GRAPHS)
@settings(max_examples=200, deadline=None)
def test_circles_are_found_where_there_are_some(graph):
    size, pairs = graph
    arcs = [[] for _ in range(size)]
    for number, (a, b) in enumerate(pairs):
        arcs[a].append((a, b, number))
    circles = cycles(arcs)
    told = set()
    for circle in circles:
        assert all(left[1] == right[0] for left, right in zip(circle, circle[1:] + circle[:1], strict=True))
        assert len({arc[0] for arc in circle}) == len(circle), "goes through a flow once"
        told.update((a, b) for a, b, _ in circle)
    assert told == on_a_circle(size, set(pairs))
    as_sets = [frozenset(arc[2] for arc in circle) for circle in circles]
    assert len(as_sets) == len(set(as_sets))


@given(GRAPHS)
@settings(max_examples=60, deadline=None)
def test_a_circle_of_flows_is_reported_iff_there_is_one(graph):
    size, pairs = graph
    flows = [
        flow(f"F{n}", *([any_of(*(finished(f"F{a}") for a in waits))] if waits else []))
        for n in range(size)
        for waits in [sorted({a for a, b in pairs if b == n})]
    ]
    assert ("FT203" in codes(*flows)) == bool(on_a_circle(size, set(pairs)))


def test_far_names_are_ruled_out_without_the_costly_comparison(monkeypatch):
    # Counted, not timed: of a thousand names all but the near ones must fall to the cheap look.
    from metaflow_triggers.diagnostics import suggest as module

    calls = []
    costly = module.distance
    monkeypatch.setattr(module, "distance", lambda *given: calls.append(given) or costly(*given))
    names = [f"Flow{n:04}x{n % 7}" for n in range(1000)]
    module.suggest("Gone0000y0", names)
    assert len(calls) < 100
    module.suggest("Flow0001x2", names)
    assert calls
