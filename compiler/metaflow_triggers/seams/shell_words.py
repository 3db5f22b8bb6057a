"""Shell words: `shlex.split` of the one form in which upstream calls it, at once instead of letter by letter.

In:   `bash -c "<command>"` with a command of several thousand characters.
Out:  what `shlex.split` gives.

Not here: any other form; `shlex` itself splits it. Upstream splits each step's command this way
(argo_workflows.py:2341, batch.py:110), which was a third of the time of a flow.
"""

from __future__ import annotations

import re
import shlex
from types import SimpleNamespace

# Inside double quotes a backslash escapes a double quote or a backslash, and is itself before anything else.
_FORM = re.compile(r'bash -c "([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')


def split(text: str) -> list[str]:
    """The words of `text`. Raises ValueError as `shlex.split` does."""
    match = _FORM.fullmatch(text)
    return ["bash", "-c", _ESCAPED.sub(r"\1", match[1])] if match else shlex.split(text)


module = SimpleNamespace(**{**vars(shlex), "split": split})
"""Stands for the module `shlex` in a module of upstream's."""
