"""Page: a picture as one HTML file that needs nothing else.

In:   a picture, its title, the same in words for readers without scripts, remarks.
Out:  HTML text: style, scripts and data stand in it; its policy lets nothing else run, and nothing be asked for.

Not here: what the page does (`model.js`, `draw.js`, `panel.js`, `page.js`, which the files beside this one are put
together from). A user's text is in the page as JSON inside a data block, where no `<` is left, and becomes text nodes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Sequence
from importlib import resources
from typing import Any

from ...reports.shown import shown
from ..json import document
from ..layout import lay_out
from ..values import Edge, Node, Picture

SCRIPTS = ("model.js", "draw.js", "panel.js", "page.js")
LONGEST_NAME, LONGEST_WORDS = 36, 28
"""As `LONGEST` of model.js."""
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'"
_CHAR, _SMALL, _SIDES = 7.4, 6.4, 28
_HEIGHTS = {"flow": 42, "event": 28, "poll": 38, "schedule": 28, "set": 24}


def as_text(picture: Picture, title: str = "What starts what", words: str = "", remarks: Sequence[str] = ()) -> str:
    """The page. `remarks` are told before anything is chosen."""
    style, script = text_of("page.css"), "\n".join(map(text_of, SCRIPTS))
    parts = {
        "title": html.escape(shown(title)),
        "policy": f"{_NOTHING}; style-src {_sum(style)}; script-src {_sum(script)}",
        "style": style,
        "script": script,
        "words": html.escape("\n".join(map(shown, words.split("\n")))),
        "data": _data(value_of(picture, remarks)),
    }
    # One pass: what is put in is not looked at again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], text_of("page.html"))


def value_of(picture: Picture, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """What the scripts read: the picture's document, where all is drawn, what is told before anything is chosen."""
    return {**document(picture), "layout": layout(picture), "remarks": list(remarks)}


def layout(picture: Picture) -> dict[str, Any]:
    """Where all is drawn: each node as [x, y, width, height, layer, part], the bends of each edge as [x, y, x, ...]."""
    numbers = {node.id: number for number, node in enumerate(picture.nodes)}
    sizes = [_size(node) for node in picture.nodes]
    ends = [(numbers[edge.source], numbers[edge.target]) for edge in picture.edges]
    found = lay_out(sizes, ends, [_beside(edge) for edge in picture.edges])
    rows = zip(found.places, sizes, found.layers, found.parts, strict=True)
    return {
        "width": found.width,
        "height": found.height,
        "nodes": [[*place, *size, layer, part] for place, size, layer, part in rows],
        "edges": [[number for point in points for number in point] for points in found.bends],
    }


def _size(node: Node) -> tuple[int, int]:
    if node.kind == "set":
        return 70, _HEIGHTS["set"]
    home = f"{node.project}.{node.branch}." if node.project else ""
    name = node.name.removeprefix(home)
    below = (
        home[:-1] or (node.place.file.rpartition("/")[2] if node.place else "") if node.kind == "flow" else node.words
    )
    width = max(_cells(name) * _CHAR, _cells(below) * _SMALL)
    return int(max(width, 40)) + _SIDES, _HEIGHTS[node.kind]


def _beside(edge: Edge) -> int:
    return 0 if edge.kind == "emits" else int(min(len(edge.words), LONGEST_WORDS) * _SMALL)


def _cells(text: str) -> int:
    """About how many characters of a font in which all are as wide."""
    cells = [2 if unicodedata.east_asian_width(char) in "WF" else 1 if char.isprintable() else 8 for char in text]
    return sum(sorted(cells, reverse=True)[:LONGEST_NAME])


def text_of(name: str) -> str:
    """One of the files that the page is put together from."""
    return (resources.files(__name__) / name).read_text("utf-8")


def header(title: str) -> str:
    """Search, filters, buttons, legend: what stands above every picture."""
    inner = text_of("page.html").partition("<header>")[2].partition("</header>")[0]
    return f"<header>{inner}</header>".replace("{{title}}", html.escape(shown(title)))


def _sum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(value: Any) -> str:
    """JSON in which nothing ends the block that it stands in."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
