"""The page: it needs nothing else, lets nothing run but its own scripts, and can be read by everybody."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib import resources

import pytest
from metaflow_triggers.pictures import page
from metaflow_triggers.pictures.json import document
from metaflow_triggers.pictures.page import LONGEST_NAME, LONGEST_WORDS, SCRIPTS, as_text

from .projects import project
from .test_pictures import HOSTILE, pictured


class Parsed(HTMLParser):
    """Tags with their attributes in order, and the text that stands right in each, by its id or name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self._name = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._name = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self._name = ""

    def handle_data(self, data: str) -> None:
        if self._name:
            self.inside[self._name] = self.inside.get(self._name, "") + data


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_nothing_is_asked_for_and_nothing_else_may_run() -> None:
    text = as_text(project(5))
    parsed = Parsed(text)
    (policy,) = (attrs["content"] for tag, attrs in parsed.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy == (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{digest(parsed.inside['style'])}'; script-src 'sha256-{digest(parsed.inside['script'])}'"
    )
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert not {name for _, attrs in parsed.tags for name in attrs} & {"src", "href", "style", "srcset", "action"}
    assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text and "@import" not in text


def test_no_script_reads_text_as_markup_or_as_a_script() -> None:
    for name in SCRIPTS:
        text = (resources.files(page) / name).read_text("utf-8")
        wrong = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|XMLHttp|import\("
        assert not re.search(wrong, text), name
        assert len(text.splitlines()) < 400


def test_hostile_names_change_nothing_but_texts() -> None:
    hostile = Parsed(as_text(pictured(HOSTILE), title="</title><b>", words="</pre></noscript><script>1</script>"))
    plain = Parsed(as_text(pictured(["name"]), title="title", words="words"))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    data = json.loads(hostile.inside["data"])
    assert {key: data[key] for key in data if key not in ("layout", "remarks")} == document(pictured(HOSTILE))
    assert "<" not in hostile.inside["data"]
    assert hostile.inside["pre"] == "</pre></noscript><script>1</script>"
    assert hostile.inside["title"] == "</title><b>"


def test_the_same_picture_is_the_same_page() -> None:
    assert as_text(project(20), words="a\n") == as_text(project(20), words="a\n")


def test_script_and_layout_cut_texts_at_the_same_length() -> None:
    model = (resources.files(page) / "model.js").read_text("utf-8")
    assert f"LONGEST = {{ name: {LONGEST_NAME}, words: {LONGEST_WORDS} }}" in model


# --- contrast: WCAG 2.1 AA, 4.5 for text and 3 for what has to be seen -----------------------------------------------

TEXTS = [
    *((ink, back) for ink in ("ink", "soft") for back in ("back", "panel", "flow", "event", "source", "set", "found")),
    *((ink, "panel") for ink in ("error", "warning", "added", "removed", "changed")),
    *(("badge", back) for back in ("error", "warning", "added", "removed", "changed")),
]
LINES = ("line", "control", "focus", "error", "warning", "added", "removed", "changed")
EDGES = ("flow-edge", "event-edge", "source-edge", "set-edge")
SEEN = [(line, "back") for line in (*LINES, *EDGES)]


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def palettes() -> dict[str, dict[str, str]]:
    style = (resources.files(page) / "page.css").read_text("utf-8")
    blocks = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)
    ]
    light, dark, paper = blocks
    return {"light": light, "dark": {**light, **dark}, "print": {**light, **paper}}


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_contrasts(scheme: str) -> None:
    colors = palettes()[scheme]
    assert contrast("#000000", "#ffffff") == 21
    low = {pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in TEXTS}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}
    seen = {pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in SEEN}
    assert {pair: ratio for pair, ratio in seen.items() if ratio < 3} == {}


# --- the functions of the page that touch none -----------------------------------------------------------------------

ASKED = """
const fs = require("fs"), vm = require("vm");
const [script, data] = process.argv.slice(1);
const Model = vm.runInNewContext(fs.readFileSync(script, "utf8") + "; Model");
const known = Model.index(JSON.parse(fs.readFileSync(data, "utf8")));
const names = (list) => list && [...list].map((at) => known.picture.nodes[at].id);
const none = { project: "", event: "", backend: "", wrong: false };
const at = (id) => known.number.get(id);
const compact = Model.compact(known, Model.chain(known, at("flow/TrainOrders3"), true, false));
console.log(JSON.stringify({
  found: names(Model.search(known, "TRAIN orders")), nothing: Model.search(known, "  "),
  byFilter: names(Model.search(known, "numeric sum")),
  up: names(Model.chain(known, at("flow/TrainOrders3"), true, false)).sort(),
  down: names(Model.chain(known, at("flow/IngestOrders0"), false, true)).sort(),
  project: names(Model.filtered(known, { ...none, project: "billing" })).sort(),
  all: Model.filtered(known, none), wrong: names(Model.filtered(known, { ...none, wrong: true })).sort(),
  compact, cut: Model.cut("x".repeat(20) + "\\u202e" + "y".repeat(40), 9), plain: Model.plain("a\\nb\\u{202e}<c>"),
}));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node: its functions are run by the browser's tests alone")
def test_search_chains_filters_and_places(tmp_path) -> None:
    picture = project(24)
    value = {**document(picture), "layout": page.layout(picture)}
    (tmp_path / "data.json").write_text(json.dumps(value))
    script = str(resources.files(page) / "model.js")
    done = subprocess.run(
        ["node", "-e", ASKED, script, str(tmp_path / "data.json")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"][:2] == ["flow/TrainOrders11", "flow/TrainOrders3"] and told["nothing"] is None
    assert told["all"] is None
    filtered = {edge.target for edge in picture.edges if edge.filter}
    assert set(told["byFilter"]) == filtered and filtered
    assert told["up"] == sorted(reached(picture, "flow/TrainOrders3", up=True))
    assert told["down"] == sorted(reached(picture, "flow/IngestOrders0", up=False))
    billing = {node.id for node in picture.nodes if node.project == "billing"}
    assert billing and billing <= set(told["project"])
    assert not {node.id for node in picture.nodes if node.kind == "flow" and node.project is None} & set(
        told["project"]
    )
    wrong = [node.id for node in picture.nodes if picture.is_wrong(node)]
    assert told["wrong"] == sorted(wrong) and wrong
    boxes = [place for place in told["compact"]["places"] if place]
    assert len(boxes) == len(told["up"])
    assert not [
        (one, other)
        for at, one in enumerate(boxes)
        for other in boxes[at + 1 :]
        if one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    ]
    assert told["cut"] == "xxxxx…yyyy" or len(told["cut"]) == 9
    assert told["plain"] == "a\\u{a}b\\u{202e}<c>"


def reached(picture, start: str, *, up: bool) -> set[str]:
    """What leads to a node, or what it leads to."""
    found, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for edge in picture.edges:
            one, other = (edge.target, edge.source) if up else (edge.source, edge.target)
            if one == here and other not in found:
                found.add(other)
                waiting.append(other)
    return found
