"""The engine's page in a browser, by somebody who clicks and types, while the engine is at work."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.engine.polls import store as poll_store
from metaflow_triggers.project_file.shape import Event

from tests.unit.graph.build import span
from tests.worlds.browser import CHROMIUM, MISSING, Page, browser

from .flows import all_of, any_of, event, finished, flow, needed
from .pages import Open, page
from .test_run_command import NOW, place  # noqa: F401 - a fixture

pytest.importorskip("aiohttp", reason="the extra `ui`: pip install 'metaflow-triggers[ui]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

AXE = Path(__file__).resolve().parents[3] / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE = "no axe: `npm install --no-save axe-core` at the root of the checkout"
LINK = "document.querySelector('#link').textContent"
NODE = "Page.known.picture.nodes[AT.dataset.at]"
HOSTILE = (
    "<img src=x onerror=window.hit=1>",
    "</script><script>window.hit=1</script>",
    "{{7*7}}${7*7}",
    "\u202egnp.exe\x1b[2J\x00",
    "'\"><svg onload=window.hit=1>",
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def live(tab: Page, opened: Open, **look: object) -> None:
    """The page, connected, with nothing to complain of."""
    tab.look(**look)  # type: ignore[arg-type]
    tab.open("about:blank")
    tab.open(opened.url)
    assert tab.until(f"{LINK} === 'live' && window.Live !== undefined && Live.state.accepted !== undefined")
    assert tab.value("location.hash") == "" and tab.complaints() == []


def text(tab: Page, selector: str) -> str:
    return re.sub(r"\n+", "\n", tab.value(f"document.querySelector({json.dumps(selector)}).innerText"))


def says(tab: Page, selector: str, words: str, seconds: float = 20) -> None:
    found = f"document.querySelector({json.dumps(selector)})"
    assert tab.until(f"{found} !== null && {found}.innerText.includes({json.dumps(words)})", seconds), (
        text(tab, selector) if tab.value(f"{found} !== null") else f"no {selector}"
    )


FLOW = """
    import os, time
    from metaflow import FlowSpec, Parameter, step, trigger

    @trigger(event={"name": "go", "parameters": {"who": "name"}})
    class Waits(FlowSpec):
        who = Parameter("who", required=True)

        @step
        def start(self):
            print("hello <b>" + self.who + "</b>", flush=True)
            while not os.path.exists("may-end"):
                time.sleep(0.02)
            print("and good bye", flush=True)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Waits()
"""


def test_an_event_is_emitted_from_the_form_and_its_run_followed_to_its_end(tab, place):  # noqa: F811
    place.flow(FLOW)
    process = place.start("flow.py", "--ui", "0")
    url = process.stdout.readline().split()[1]
    try:
        live(tab, Open(url, None))
        tab.click("#emit")
        tab.until("document.activeElement.id === 'emit-name'")
        tab.type("go")
        tab.press("Tab")
        says(tab, "#detail", "Fields that flows take from it.")
        tab.click("#emit-field-0")
        tab.type("<i>Ada</i>")
        tab.press("Enter")
        says(tab, "#trail", "Waits started")
        says(tab, "#trail", "running")
        tab.click("#trail .to.flow")
        says(tab, "#log", "hello <b><i>Ada</i></b>")
        says(tab, "#detail", 'who\n"<i>Ada</i>"')
        assert tab.value("Live.state.flows.Waits.running") == 1
        (place.folder / "may-end").touch()
        says(tab, "#log", "and good bye")
        says(tab, "#detail", "succeeded")
        tab.click("#tab-runs")
        says(tab, "#list-runs", "succeeded")
        assert tab.value("document.querySelector('#svg .mark').textContent") == "succeeded"
        assert tab.value("document.querySelectorAll('#log *').length") == 0 and tab.complaints() == []
        process.terminate()
        says(tab, "#link", "the engine that served this page has ended")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


SHOP = [
    flow("Order", any_of(event("order", ("p", "orderId"))), parameters=[needed("p")]),
    flow("Mail", any_of(finished("Order"))),
    flow("Pair", all_of(event("left"), event("right"))),
]


def test_search_chain_and_diagnostic_of_the_live_picture(tab, bench):
    b = bench(*SHOP)
    found = Diagnostic("FT202", "nobody emits <b>left</b>", b.flows[2].flow.span, "here")
    with page(b.path, b.flows, diagnostics=[found]) as opened:
        live(tab, opened)
        tab.click("#search")
        tab.type("mail")
        tab.press("Enter")
        assert text(tab, "#panel").startswith("Mail\nflow")
        tab.click("#panel > .follow button")
        shown = f"[...document.querySelectorAll('#svg .node')].map((one) => {NODE}.name)".replace("AT", "one")
        assert sorted(tab.value(shown)) == ["Mail", "Order", "order"]
        tab.press("Escape")
        tab.click("#search")
        tab.type("Pair")
        tab.press("Enter")
        says(tab, "#panel", "nobody emits <b>left</b>")


def test_what_happens_is_seen_where_it_happens(tab, bench):
    b = bench(*SHOP)
    engine = b.engine(ends=lambda order: None)
    with page(b.path, b.flows) as opened:
        live(tab, opened)
        of = NODE.replace("AT", "one.parentNode")
        each = f"[...document.querySelectorAll('#svg .mark')].map((one) => [{of}.id, one.textContent])"
        marks = f"Object.fromEntries({each})"
        b.emit("left", {}, "l-1")
        b.emit("order", {"orderId": "7"}, "o-1")
        b.emit("order", {}, "o-2")
        for _ in range(3):
            engine.turn()
        seen = tab.until(f"({marks})['flow/Order'] === '1 running' && ({marks})['set/flow/Pair'] === '1 of 2'")
        assert seen, tab.value(marks)
        tab.click("#tab-refused")
        says(tab, "#list-refused", "has no value")
        tab.click("#list-refused .row")
        says(tab, "#detail", "Send again")
        tab.click("#detail .follow button")
        says(tab, "#said", "refused")
        tab.click("#tab-sets")
        says(tab, "#list-sets", "Pair\tleft\tright")
        tab.click("#list-sets .row")
        says(tab, "#panel", "has left; waits for right")
        tab.click("#tab-events")
        tab.click("#list-events tr:last-child .row")
        says(tab, "#trail", "waits in a set for")
        tab.press("Escape")
        assert tab.value("document.querySelector('#detail').hidden")
        tab.value("Page.choose(Page.known.number.get('flow/Order'), true)")
        tab.click("#now button")
        says(tab, "#now", "paused since")
        assert tab.until(f"({marks})['flow/Order'] === 'paused, 1 running'")
        tab.click("#now button")
        says(tab, "#said", "runs of Order are started again")
        tab.click("#pause-all")
        says(tab, "#pause-all", "Resume all")
        tab.click("#pause-all")
        says(tab, "#pause-all", "Pause all")
        assert b.rows("count(*)") == [(2,)] and tab.complaints() == []


def test_a_form_of_the_catalogue_sends_what_was_typed(tab, bench):
    b = bench(*SHOP)
    schema = {
        "required": ["orderId"],
        "properties": {
            "orderId": {"type": "integer", "description": "of the <b>shop</b>"},
            "paid": {"type": "boolean"},
            "kind": {"enum": ["a", "b"]},
            "who": {"type": "object", "properties": {"name": {"type": "string"}}},
            "tags": {"type": "array"},
        },
    }
    entry = Event("order", span("metaflow-triggers.toml", 3), "shop", "", "", json.dumps(schema))
    with page(b.path, b.flows, catalogue=[entry]) as opened:
        live(tab, opened)
        tab.value("Page.choose(Page.known.number.get('event/order'), true)")
        tab.click("#now button")
        says(tab, "#emit-field-0-told", "of the <b>shop</b>")
        assert text(tab, "#detail").count("(required)") == 1
        tab.click("#emit-field-0")
        tab.type("seven")
        tab.press("Enter")
        says(tab, "#detail .wrong", "orderId has to be a number; found seven")
        tab.value("document.querySelector('#emit-field-0').value = '12345678901234567890'")
        tab.value("document.querySelector('#emit-field-2').value = '\"b\"'")
        tab.click("#emit-field-3")
        tab.type('<i>A"da')
        tab.click("#emit-field-4")
        tab.type("[1.10, 2]")
        tab.click(".emit button[type=submit]")
        says(tab, "#trail", "not looked at yet")
        sent = '{"orderId":12345678901234567890,"kind":"b","who":{"name":"<i>A\\"da"},"tags":[1.10,2]}'
        assert opened.get("/api/event/1")["body"] == sent
        tab.click("#detail .follow button")
        assert tab.until("document.querySelector('#emit-field-0') !== null")
        assert tab.value("document.querySelector('#emit-field-0').value") == "12345678901234567890"
        tab.click("#emit-as-json")
        assert json.loads(tab.value("document.querySelector('#emit-json').value"))["tags"] == [1.1, 2]
        tab.value("document.querySelector('#emit-json').value = '{'")
        tab.click(".emit button[type=submit]")
        says(tab, "#detail .wrong", "FT761")
        assert tab.complaints() == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]


def test_polls_and_narrow_windows(tab, bench):
    b = bench(*SHOP)
    connection = local_events.connect(b.path)
    poll_store.register(connection, [poll_store.Registration("waits", "Mail", "5s", 5000, False)], b.clock.now())
    connection.execute(
        "UPDATE poll_triggers SET last_poll_at = ?, last_result = 'error', last_error = '<b>no</b>'", (NOW,)
    )
    connection.close()
    with page(b.path, b.flows) as opened:
        live(tab, opened, width=420, height=900)
        tab.click("#tab-polls")
        says(tab, "#list-polls", "error (0 in a row): <b>no</b>")
        assert tab.value("document.documentElement.scrollWidth") == 420
        tab.click("#list-polls button[aria-label='Disable waits']")
        says(tab, "#said", "waits is polled no more")
        says(tab, "#list-polls", "disabled")
        tab.click("#list-polls button[aria-label='Enable waits']")
        says(tab, "#said", "waits is polled from its next tick on")
        b.emit("order", {"orderId": "7"})
        tab.click("#tab-events")
        assert tab.until("document.querySelector('#list-events .row') !== null")
        tab.click("#list-events .row")
        assert tab.until("document.querySelector('#detail').getBoundingClientRect().top < 60"), (
            "it is brought into sight"
        )
        assert tab.value("document.documentElement.scrollWidth") == 420


def test_hostile_texts_are_texts(tab, bench):
    b = bench(*SHOP)
    engine = b.engine(ends=lambda order: "failed")
    with page(b.path, b.flows) as opened:
        live(tab, opened)
        for number, bad in enumerate(HOSTILE):
            b.emit("order", {"orderId": bad, bad: {bad: bad}}, f"h-{number}")
        for _ in range(4):
            engine.turn()
        opened.telling.on_problem(HOSTILE[0])
        assert tab.until("Live.state.ended.length === 5 && Live.state.notes.length === 1")
        tab.click("#tab-notes")
        says(tab, "#list-notes", HOSTILE[0])
        tab.click("#tab-events")
        for number in range(len(HOSTILE)):
            tab.value(f"Live.detail.event({number + 1})")
            says(tab, "#detail", f"h-{number}")
            tab.value(f"Live.detail.run({number + 1})")
            says(tab, "#detail", "as the test wants it")
            tab.value(f"Live.emit.open('order', {number + 1})")
            assert tab.until("document.querySelector('#emit-field-0') !== null")
        assert tab.value("document.querySelectorAll('img, iframe, svg svg, script:not([src])').length") == 0
        # Nothing of the page could make markup of a text, if it wanted to.
        assert "TrustedHTML" in tab.value("try { document.body.innerHTML = '<b>'; } catch (error) { String(error) }")
        assert tab.value("window.hit === undefined")


def test_a_second_browser_without_the_token_is_refused(tab, bench):
    b = bench(*SHOP)
    with page(b.path, b.flows) as opened:
        live(tab, opened)
        other = tab.stranger()
        try:
            other.open(opened.base)
            says(other, "#link", "no token: open the address that `metaflow-triggers run` has printed")
            assert "Order" not in other.value("document.documentElement.outerHTML")
            assert other.value("fetch('/api/picture').then((answer) => answer.status)") == 401
        finally:
            tab.back(other)
        assert tab.value(LINK) == "live"


def test_it_says_what_is_wrong_and_comes_back_by_itself(tab, bench):
    b = bench(*SHOP)
    with page(b.path, b.flows) as opened:
        live(tab, opened)
        port = int(opened.base.rpartition(":")[2])
        whole = Path(b.path)
        kept = whole.rename(whole.with_suffix(".kept"))
        whole.write_bytes(b"this is no database " * 500)
        says(tab, "#banner", "FT740")
        assert tab.value(LINK) == "the database cannot be read"
        os.replace(kept, whole)
        assert tab.until(f"{LINK} === 'live'") and tab.value("document.querySelector('#banner').hidden")
    says(tab, "#link", "the engine that served this page has ended")
    with page(b.path, b.flows, port=port) as opened:
        assert tab.until(f"{LINK} === 'live'"), tab.value(LINK)
        b.emit("left", {}, "after")
        says(tab, "#list-events", "after")
        os.kill(opened.process(), signal.SIGKILL)
        assert tab.until(f"{LINK}.endsWith('trying again')"), tab.value(LINK)
    fewer = b.flows[:1]
    with page(b.path, fewer, port=port):
        says(tab, "#banner", "The flows are others by now")
        tab.click("#banner button")
        assert tab.until("window.Page !== undefined && Page.known.picture.nodes.length === 2")


def test_by_keys_alone(tab, bench):
    b = bench(*SHOP)
    engine = b.engine()
    with page(b.path, b.flows) as opened:
        live(tab, opened)
        b.emit("order", {"orderId": "7"}, "o-1")
        for _ in range(3):
            engine.turn()
        says(tab, "#list-events", "o-1")
        focus = "document.activeElement.id || document.activeElement.textContent"
        seen = []
        for _ in range(30):
            tab.press("Tab")
            seen.append(tab.value(focus))
            if seen[-1] == "tab-events":
                break
        assert {"search", "emit", "pause-all", "panel", "tab-events"} <= set(seen), seen
        tab.press("ArrowRight")
        assert tab.value(focus) == "tab-runs"
        tab.press("Tab")
        tab.press("Tab")
        tab.press("Enter")
        assert tab.until("!document.querySelector('#detail').hidden")
        assert text(tab, "#detail").startswith("Mail #2")
        tab.press("Escape")
        assert tab.value(focus) == "Mail #2", "the focus is where it was"


@pytest.mark.skipif(not AXE.exists(), reason=NO_AXE)
def test_axe_finds_nothing(tab, bench):
    b = bench(*SHOP)
    entry = Event("order", span("x.toml", 3), "shop", "an order", "", '{"properties": {"orderId": {"enum": [1]}}}')
    engine = b.engine(ends=lambda order: "failed" if order.start_id == 1 else None)
    for name, payload in (("left", {}), ("order", {"orderId": 1}), ("order", {"orderId": 1}), ("order", {})):
        b.emit(name, payload)
    for _ in range(4):
        engine.turn()
    tab.call("Page.setBypassCSP", enabled=True)
    try:
        with page(b.path, b.flows, catalogue=[entry]) as opened:
            live(tab, opened)
            tab.value(AXE.read_text("utf-8"))
            asked = (
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
                ".then((told) => told.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
            )
            for dark in (False, True):
                tab.look(dark=dark)
                for prepared in (
                    "Live.lists.pick('events')",
                    "Page.choose(Page.known.number.get('flow/Order'), true); Live.lists.pick('runs')",
                    "Live.detail.event(2)",
                    "Live.detail.run(1); Live.lists.pick('refused')",
                    "Live.emit.open('order')",
                ):
                    tab.value(prepared)
                    time.sleep(0.2)
                    assert tab.value(asked) == [], prepared
    finally:
        tab.call("Page.setBypassCSP", enabled=False)


@pytest.mark.long
def test_memory_stays_flat_over_100_000_events(tab, bench):
    b = bench(*SHOP)
    with page(b.path, b.flows) as opened:
        live(tab, opened)
        connection = local_events.connect(b.path)
        sizes: list[tuple[int, int]] = []
        when, body = local_events.timestamp_text(b.clock.now()), json.dumps({"x": "y" * 300})
        for part in range(10):
            for turn in range(20):
                rows = [(f"{part}-{turn}-{number}", "left", "event", body, when) for number in range(500)]
                local_events.append_many(connection, rows)
                time.sleep(0.1)
            assert tab.until(f"Live.state.accepted === {(part + 1) * 10_000}")
            tab.call("HeapProfiler.collectGarbage")
            tab.events.clear()
            counters = tab.call("Memory.getDOMCounters")
            sizes.append((tab.call("Runtime.getHeapUsage")["usedSize"], counters["nodes"]))
        connection.close()
    print(sizes)
    assert sizes[-1][0] < 1.1 * sizes[1][0] + 500_000 and sizes[-1][1] < 1.2 * sizes[1][1], sizes
