"""DOT: a picture as Graphviz reads it.

In:   a picture.
Out:  its text.

Not here: laying out. A user's text is a quoted string, in which Graphviz reads quotes, backslashes and entities.
"""

from __future__ import annotations

from ..reports.shown import shown
from .mermaid import cut, label
from .values import Picture

_SHAPES = {"flow": "box", "event": "oval", "poll": "parallelogram", "schedule": "parallelogram", "set": "hexagon"}


def as_text(picture: Picture) -> str:
    """The digraph, from left to right."""
    numbers = {node.id: f"n{number}" for number, node in enumerate(picture.nodes)}
    lines = ["digraph triggers {", "  rankdir=LR;", '  node [fontname="sans-serif"]; edge [fontname="sans-serif"];']
    for node in picture.nodes:
        told = [f"label={quoted(label(node))}", f"shape={_SHAPES[node.kind]}"]
        told += ["style=dashed"] if not node.known else []
        told += ['color="#c00000"', "penwidth=3"] if picture.is_wrong(node) else []
        lines.append(f"  {numbers[node.id]} [{', '.join(told)}];")
    for edge in picture.edges:
        told = [f"label={quoted(cut(edge.words))}"] if edge.words else []
        told += ["style=dashed"] if edge.kind == "emits" else []
        looks = f" [{', '.join(told)}]" if told else ""
        lines.append(f"  {numbers[edge.source]} -> {numbers[edge.target]}{looks};")
    return "\n".join([*lines, "}", ""])


def quoted(text: str) -> str:
    """A user's text as a quoted string."""
    escaped = shown(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
