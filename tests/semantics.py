"""Semantics: what docs/semantics.md says, for tests that hold the product to it.

In:   the page.
Out:  section 12, the closed list of what a backend refuses: backend -> codes.

Not here: judging.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "semantics.md"
_NAMES = {"AWS": ("step-functions",), "Argo": ("argo-workflows",), "Both": ("step-functions", "argo-workflows")}


def refused_by() -> dict[str, set[str]]:
    """Backend -> the codes with which it may refuse a valid flow (section 12)."""
    section = PAGE.read_text("utf-8").partition("\n## 12. ")[2].partition("\n## ")[0]
    found: dict[str, set[str]] = {"step-functions": set(), "argo-workflows": set()}
    for line in section.splitlines():
        head, colon, rest = line.partition(": ")
        for backend in _NAMES.get(head, ()) if colon else ():
            found[backend] |= set(re.findall(r"FT\d{3}", rest))
    return found
