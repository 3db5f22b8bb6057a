"""Layout: nothing lies on anything, edges lead to the right, and the same input gives the same places."""

from __future__ import annotations

import time
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.pictures import page
from metaflow_triggers.pictures.layout import Layout, _spread, lay_out

from .projects import project

GRAPHS = st.integers(1, 12).flatmap(
    lambda size: st.tuples(
        st.lists(st.tuples(st.integers(20, 90), st.integers(10, 50)), min_size=size, max_size=size),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=24),
    )
)


def overlapping(layout: Layout, sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    boxes = [(*place, *size) for place, size in zip(layout.places, sizes, strict=True)]
    return [
        (one, other)
        for (one, (x, y, w, h)), (other, (a, b, c, d)) in combinations(enumerate(boxes), 2)
        if x < a + c and a < x + w and y < b + d and b < y + h
    ]


@settings(max_examples=40, deadline=None)
@given(GRAPHS)
def test_no_node_lies_on_another_and_edges_bend_once_in_each_layer(graph) -> None:
    sizes, edges = graph
    layout = lay_out(sizes, edges, [30] * len(edges))
    assert layout == lay_out(sizes, edges, [30] * len(edges))
    assert overlapping(layout, sizes) == []
    for (x, y), (width, height) in zip(layout.places, sizes, strict=True):
        assert 0 <= x <= x + width <= layout.width and 0 <= y <= y + height <= layout.height
    for (source, target), bends in zip(edges, layout.bends, strict=True):
        assert layout.parts[source] == layout.parts[target]
        apart = abs(layout.layers[source] - layout.layers[target])
        assert len(bends) == max(apart - 1, 0)
        assert apart or source == target
        rights = [layout.places[source][0], *(x for x, _ in bends), layout.places[target][0]]
        assert rights in (sorted(rights), sorted(rights, reverse=True))


def test_without_circles_every_edge_leads_to_the_right() -> None:
    edges = [(0, 1), (1, 2), (0, 2), (3, 2), (4, 5)]
    layout = lay_out([(50, 20)] * 6, edges)
    assert all(layout.layers[source] < layout.layers[target] for source, target in edges)
    assert layout.layers[3] == layout.layers[2] - 1, "what starts one flow alone stands beside it"
    circle = lay_out([(50, 20)] * 3, [(0, 1), (1, 2), (2, 0)])
    assert circle.layers == (0, 1, 2)


def test_chains_beside_each_other_do_not_cross_and_are_straight() -> None:
    edges = [(0, 3), (1, 2), (3, 5), (2, 4), (6, 0), (6, 1)]
    layout = lay_out([(50, 20)] * 7, edges)
    heights = [layout.places[node][1] for node in range(7)]
    assert heights[0] == heights[3] == heights[5] and heights[1] == heights[2] == heights[4]
    assert heights[6] == (heights[0] + heights[1]) // 2


def test_places_are_the_nearest_that_keep_their_distance() -> None:
    assert _spread([0, 50, 90], [1, 1, 1], [10, 10]) == [0, 50, 90]
    assert _spread([10, 10], [1, 1], [20]) == [0, 20]
    assert _spread([10, 10], [3, 1], [20]) == [5, 25]
    assert _spread([30, 0, 40], [1, 1, 1], [10, 10]) == [10, 20, 40]


def test_nothing_and_one_node() -> None:
    assert lay_out([], []) == Layout((), (), (), (), 0, 0)
    assert lay_out([(30, 20)], [(0, 0)]) == Layout(((0, 0),), ((),), (0,), (0,), 30, 20)


def test_500_flows_are_laid_out_in_time_and_their_page_is_small() -> None:
    picture = project(500)
    began = time.process_time()
    text = page.as_text(picture)
    assert time.process_time() - began < 3
    assert len(text.encode()) < 1_000_000
    places = page.layout(project(60))
    sizes = [(row[2], row[3]) for row in places["nodes"]]
    layout = Layout(tuple((row[0], row[1]) for row in places["nodes"]), (), (), (), 0, 0)
    assert overlapping(layout, sizes) == [] and len(sizes) > 80
    assert 0.7 < places["width"] / places["height"] < 3
