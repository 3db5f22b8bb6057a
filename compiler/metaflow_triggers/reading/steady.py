"""Steady: whether what user code does while it is read may be different each time.

In:   the content of the user's files.
Out:  what in them asks the clock, chance or this machine while they are imported; "" where nothing does.

Not here: what can be seen when it happens (`recording`). `datetime.now` is Python's own in C, and tells nobody. So the
code is looked at: what importing runs, by the bare names of what it calls, in all of the user's files together. This
finds too much rather than too little; what it finds is read each time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from .outline import Function, parse, reached

_WORDS = (
    *("now", "utcnow", "today", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"),
    *(
        "uuid1",
        "uuid4",
        "default_rng",
        "RandomState",
        "getpid",
        "getppid",
        "getnode",
        "gethostname",
        "uname",
        "getlogin",
    ),
    *("cpu_count", "getloadavg", "getrandom", "SystemRandom", "token_hex", "token_bytes", "token_urlsafe", "randbelow"),
)
_SUSPECT = re.compile(rb"\b(?:" + "|".join((*_WORDS, "random")).encode() + rb")\b")
_CALLED_BY_METAFLOW = ("mutate", "pre_mutate", "init")


def asks(contents: Iterable[bytes]) -> str:
    """The first word found, or ""."""
    contents = list(contents)
    if not any(_SUSPECT.search(content) for content in contents):
        return ""
    trees = [tree for tree in map(parse, contents) if tree is not None]
    functions: dict[str, list[ast.AST]] = {}
    todo: list[ast.AST] = []
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, Function):
                functions.setdefault(node.name, []).extend(node.body)
        todo.extend(reached(tree))
    for name in functions:
        if name in _CALLED_BY_METAFLOW or (name.startswith("__") and name.endswith("__")):
            todo.append(ast.Name(name, ast.Load()))
    while todo:
        node = todo.pop()
        word = _named(node)
        if word is not None:
            if word in _WORDS or (isinstance(node, ast.Attribute) and _named(node.value) == "random"):
                return word
            for statement in functions.pop(word, ()):
                todo.extend(ast.walk(statement))
    return ""


def _named(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None
