"""Mermaid: a picture as a flowchart that GitHub and others draw.

In:   a picture.
Out:  its text.

Not here: laying out. A user's text stands in quotes, and all of it but letters, digits and a few signs as the numbers
of its characters: Mermaid reads quotes, HTML and Markdown there, and the reader's browser what it makes of that.
"""

from __future__ import annotations

import re

from ..reports.shown import shown
from .values import Node, Picture

LONGEST = 120
"""Of what is written at an edge: a filter may be a page."""

_PLAIN = frozenset(" -.,:/=()?!+'")
_SHAPES = {
    "flow": ('["', '"]'),
    "event": ('(["', '"])'),
    "poll": ('[/"', '"/]'),
    "schedule": ('[/"', '"/]'),
    "set": ('{{"', '"}}'),
}


def as_text(picture: Picture) -> str:
    """The flowchart, from left to right."""
    numbers = {node.id: f"n{number}" for number, node in enumerate(picture.nodes)}
    looks = {node.id: _look(picture, node) for node in picture.nodes}
    lines = ["flowchart LR"]
    for node in picture.nodes:
        left, right = _SHAPES[node.kind]
        lines.append(f"  {numbers[node.id]}{left}{quoted(label(node))}{right}:::{looks[node.id]}")
    for edge in picture.edges:
        arrow = "-.->" if edge.kind == "emits" else "-->"
        words = f'|"{quoted(cut(edge.words))}"|' if edge.words else ""
        lines.append(f"  {numbers[edge.source]} {arrow}{words} {numbers[edge.target]}")
    lines += [f"  classDef {name} {style}" for name, style in _STYLES.items() if name in looks.values()]
    return "\n".join(lines) + "\n"


_STYLES = {
    "flow": "stroke-width:2px",
    "event": "stroke-width:1px",
    "poll": "stroke-width:1px",
    "schedule": "stroke-width:1px",
    "set": "stroke-width:1px",
    "unknown": "stroke-dasharray:4 3",
    "wrong": "stroke:#c00000,stroke-width:3px",
}


def _look(picture: Picture, node: Node) -> str:
    if picture.is_wrong(node):
        return "wrong"
    return node.kind if node.known else "unknown"


def label(node: Node) -> str:
    """What is written in a node of a picture that has one line for each."""
    return f"{node.name}, {node.words}" if node.words else node.name


def cut(text: str) -> str:
    """A text of a bearable length."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def quoted(text: str) -> str:
    """A user's text as the inside of a quoted label."""
    written = "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in shown(text))
    written = re.sub(r"(?<=[^\W_])#95;(?=[^\W_])", "_", written)  # snake_case is emphasis nowhere, and read in the text
    return written or " "  # nothing at all is no label
