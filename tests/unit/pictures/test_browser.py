"""The page in a browser, by somebody who clicks and types: search, chains, filters, keys, findings, hostile names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from metaflow_triggers.pictures import page
from metaflow_triggers.pictures.values import Picture

from tests.unit.graph.build import any_of, event, finished, flow
from tests.worlds.browser import CHROMIUM, MISSING, Page, browser

from .projects import project
from .test_difference import CHAIN, compared
from .test_page import reached
from .test_pictures import HOSTILE, pictured, whole

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

AXE = Path(__file__).resolve().parents[3] / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE = "no axe: `npm install --no-save axe-core` at the root of the checkout"

SHOWN = "[...document.querySelectorAll('#svg .node')].map((one) => Page.known.picture.nodes[one.dataset.at].id).sort()"
"""The nodes that are drawn, by their ids."""

LIT = SHOWN.replace("#svg .node", "#svg .node:not(.dim)")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def opened(tab: Page, picture: Picture, folder: Path, **look: object) -> None:
    """The page of a picture, which has asked for nothing and complained of nothing."""
    (folder / "page.html").write_text(page.as_text(picture, words="in words"))
    tab.look(**look)  # type: ignore[arg-type]
    address = (folder / "page.html").as_uri()
    tab.open(address)
    assert tab.requests() == [address] and tab.complaints() == []


def panel(tab: Page) -> str:
    return re.sub(r"\n+", "\n", tab.value("document.querySelector('#panel').innerText"))


def test_search_and_what_is_told_of_what_was_found(tab: Page, tmp_path: Path) -> None:
    picture = whole()
    opened(tab, picture, tmp_path)
    assert tab.value(SHOWN) == sorted(node.id for node in picture.nodes)
    tab.click("#search")
    tab.type("proc")
    assert tab.value("document.querySelector('#count').textContent") == "1 of 12 found"
    assert tab.value(LIT) == ["flow/Process"]
    tab.press("Enter")
    told = panel(tab)
    assert told.startswith("Process\nflow")
    for words in (
        "Backends\na, b",
        "Process.py:5",
        "order-placed",
        "if it matches",
        '"price": [',
        "id\torderId\tfield",
    ):
        assert words in told, told
    assert 'env\t"prod"\tconstant' in told and "Process.py:10" in told
    tab.click("#panel .to.event")
    assert panel(tab).startswith("order-placed\nevent")
    assert "Owner\nshop team" in panel(tab) and "an order" in panel(tab) and "Emitted by" in panel(tab)
    tab.press("Escape")
    assert tab.value("document.querySelector('#search').value") == ""
    assert tab.value(LIT) == sorted(node.id for node in picture.nodes)
    tab.click("#search")
    tab.type("Report")
    tab.press("Enter")
    assert "all of\nIngest succeeds or fails" in panel(tab) and "Elsewhere succeeds" in panel(tab)


def test_a_chain_is_followed_up_and_down(tab: Page, tmp_path: Path) -> None:
    picture = project(60)
    opened(tab, picture, tmp_path)
    key = "flow/TrainOrders3"
    both = reached(picture, key, up=True) | reached(picture, key, up=False)
    tab.value(f"Page.choose(Page.known.number.get({json.dumps(key)}), true)")
    assert tab.value(LIT) == sorted(both)
    at = tab.value("document.activeElement.dataset.at")
    tab.click(f'#svg [data-at="{at}"]')
    assert panel(tab).startswith("TrainOrders3\n")
    tab.click(".follow button:nth-of-type(1)")
    assert tab.value(SHOWN) == sorted(reached(picture, key, up=True))
    tab.click(".follow button:nth-of-type(2)")
    assert tab.value(SHOWN) == sorted(reached(picture, key, up=False))
    tab.click(".follow button:nth-of-type(3)")
    assert tab.value(SHOWN) == sorted(both)
    tab.click("#whole")
    assert len(tab.value(SHOWN)) == len(picture.nodes)
    assert panel(tab).startswith("60 flows\n")


def test_filters_by_project_event_and_backend(tab: Page, tmp_path: Path) -> None:
    picture = project(60)
    opened(tab, picture, tmp_path)

    def choose(name: str, value: str) -> list[str]:
        tab.value(
            f"{{ const one = document.querySelector('#{name}'); one.value = {json.dumps(value)};"
            " one.dispatchEvent(new Event('change')); }"
        )
        found: list[str] = tab.value(SHOWN)
        return found

    shown = choose("project", "billing")
    flows = {node.id: node for node in picture.nodes if node.kind == "flow"}
    assert {key for key, node in flows.items() if node.project == "billing"} <= set(shown)
    assert all(flows[key].project == "billing" for key in shown if key in flows)
    assert len(choose("project", "")) == len(picture.nodes)
    event = next(edge.source for edge in picture.edges if edge.kind == "event")
    assert choose("event", event) == sorted(reached(picture, event, up=True) | reached(picture, event, up=False))
    choose("event", "")
    on_argo = choose("backend", "argo-workflows")
    assert {key for key, node in flows.items() if "argo-workflows" in node.backends} <= set(on_argo)
    assert len(on_argo) < len(picture.nodes)
    tab.press("Escape")
    tab.click("#wrong")
    assert tab.value(SHOWN) == sorted(node.id for node in picture.nodes if picture.is_wrong(node))
    tab.press("Escape")
    assert len(tab.value(SHOWN)) == len(picture.nodes)


def test_by_keys_alone(tab: Page, tmp_path: Path) -> None:
    picture = whole()
    opened(tab, picture, tmp_path)
    focus = "document.activeElement.id || document.activeElement.getAttribute('aria-label')"
    tab.press("Tab")
    assert tab.value(focus) == "search"
    tab.type("Ingest")
    tab.press("Enter")
    assert tab.value(focus) == "Ingest Ingest.py, flow"
    tab.press("ArrowLeft")
    assert tab.value(focus) in ("0 0 * * ? *, schedule", "new-files every 90s, also while it runs, poll")
    tab.press("ArrowRight")
    tab.press("ArrowRight")
    assert tab.value(focus) in ("order-placed, event", "all of, set")
    tab.press("Enter")
    assert tab.value("document.activeElement.getAttribute('aria-pressed')") == "true"
    tab.press("Escape")
    assert panel(tab).startswith("5 flows\n")
    assert tab.value("document.activeElement.getAttribute('role')") == "button", "the focus stays in the picture"
    for _ in range(3):
        tab.press("Tab", shift=True)
    assert tab.value("document.activeElement.closest('header') !== null")


def test_findings_are_read_where_they_stand(tab: Page, tmp_path: Path) -> None:
    picture = project(24)
    opened(tab, picture, tmp_path)
    assert "Findings about no single one\nwarning FT202 some events come from elsewhere" in panel(tab)
    node = next(node for node in picture.nodes if picture.is_wrong(node))
    tab.click("#search")
    tab.type(node.name)
    tab.press("Enter")
    assert f"something about {node.name.rpartition('.')[2]}" in panel(tab)
    assert tab.value("document.activeElement.querySelector('.sign').textContent") == "!"


def test_hostile_names_are_texts(tab: Page, tmp_path: Path) -> None:
    picture = pictured(HOSTILE)
    nodes = tuple(
        replace(
            node, words=node.name, project=node.name or None, catalogue={"owner": node.name, "schema": {node.name: 1}}
        )
        for node in picture.nodes
    )
    edges = tuple(
        replace(edge, filter=edge.words, mappings=((edge.words, edge.words, None),)) for edge in picture.edges
    )
    opened(tab, replace(picture, nodes=nodes, edges=edges), tmp_path)
    tab.value("window.alert = () => { window.hit = true; }")
    for at in range(len(HOSTILE)):
        tab.value(f"Page.choose({at}, true)")
        title = tab.value("document.querySelector('#panel h2').textContent")
        assert title == tab.value(f"Model.plain(Page.known.picture.nodes[{at}].name)")
        if HOSTILE[at].isprintable():
            assert title == HOSTILE[at]
    assert tab.value("document.querySelectorAll('img, b, script[src], iframe').length") == 0
    assert tab.value("window.hit === undefined") and tab.complaints() == []


def test_changes_are_marked_listed_and_shown_alone(tab: Page, tmp_path: Path) -> None:
    added = flow("Score", any_of(finished("Ingest"), event("<b>fresh</b>")))
    picture = compared(CHAIN, [*CHAIN[:2], added])
    (tmp_path / "page.html").write_text(page.as_text(picture, "What changes", remarks=["input branch differs"]))
    tab.look()
    tab.open((tmp_path / "page.html").as_uri())
    told = panel(tab)
    assert told.startswith("input branch differs\nChanges\nScore added\nScore is new: it starts when Ingest succeeds; ")
    assert "Join is no longer deployed" in told and "when event <b>fresh</b> arrives" in told
    signs = "[...document.querySelectorAll('#svg .sign')].map((one) => one.textContent).sort().join('')"
    marks = {node.id: node.change for node in picture.nodes if node.change}
    assert sorted(marks) == ["event/<b>fresh</b>", "event/clock", "flow/Join", "flow/Score", "set/flow/Join"]
    assert tab.value(signs) == "++\u2212\u2212\u2212"
    tab.click("#changed")
    assert tab.value(SHOWN) == sorted({*marks, "flow/Ingest", "flow/Clean"})
    assert tab.complaints() == []


def test_it_fits_what_its_reader_has(tab: Page, tmp_path: Path) -> None:
    opened(tab, project(40), tmp_path)
    color = "getComputedStyle(document.body).backgroundColor"
    light = tab.value(color)
    tab.look(dark=True)
    assert (light, tab.value(color)) == ("rgb(255, 255, 255)", "rgb(17, 22, 28)")
    below = (
        "document.querySelector('#panel').getBoundingClientRect().top - svg.parentElement.getBoundingClientRect().top"
    )
    assert tab.value(below) == 0
    tab.look(420, 900)
    assert tab.value(below) > 300
    tab.click("#legend summary")
    assert tab.value("document.querySelector('#legend ul').innerText").startswith("box: a flow")
    assert tab.value("document.documentElement.scrollWidth") == 420
    tab.look(media="print")
    assert tab.value("getComputedStyle(document.querySelector('.buttons')).display") == "none"
    assert tab.value("document.querySelector('#svg').getBoundingClientRect().width") > 1000


@pytest.mark.skipif(not AXE.exists(), reason=NO_AXE)
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(tab: Page, tmp_path: Path, dark: bool) -> None:
    opened(tab, whole(), tmp_path, dark=dark)
    # The page lets no other script run; its tester's is put there from outside of it.
    tab.call("Page.setBypassCSP", enabled=True)
    tab.open((tmp_path / "page.html").as_uri())
    tab.value(AXE.read_text("utf-8"))
    for prepared in ("1", "Page.choose(1, true)", "Page.follow(1, true, true)"):
        tab.value(prepared)
        found = tab.value(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then((told) =>"
            " told.violations.map((one) => [one.impact, one.id, one.nodes.map((node) => node.html.slice(0, 200))]))"
        )
        assert found == [], prepared
    tab.call("Page.setBypassCSP", enabled=False)


@pytest.mark.long
def test_500_flows_are_searched_and_followed_in_time(tab: Page, tmp_path: Path) -> None:
    """Processor time of the page's thread, so that what else the machine does weighs nothing."""
    tab.call("Performance.enable", timeDomain="threadTicks")
    opened(tab, project(500), tmp_path)

    def spent(expressions: list[str]) -> float:
        times = []
        for expression in expressions:
            before = busy()
            tab.value(f"new Promise((done) => {{ {expression}; requestAnimationFrame(() => setTimeout(done)); }})")
            times.append(busy() - before)
        return sorted(times)[len(times) // 2]

    def busy() -> float:
        told = tab.call("Performance.getMetrics")["metrics"]
        return float(next(item["value"] for item in told if item["name"] == "TaskDuration"))

    words = ["fraud", "clean", "orders", "train", "5", "mail", "score", "stock", "billing", "x"] * 2
    search = spent([f"search.value = '{word}'; search.dispatchEvent(new Event('input'))" for word in words])
    tab.press("Escape")
    chains = spent([f"Page.choose({20 * number}, true)" for number in range(20)])
    follow = spent([f"Page.follow({20 * number}, true, true)" for number in range(20)])
    tab.call("Performance.disable")
    assert max(search, chains, follow) < 0.1, (search, chains, follow)
