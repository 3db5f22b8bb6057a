"""Kubernetes variables: `$(NAME)` in the value of an environment variable.

In:   a value, the variables before it.
Out:  the value as the container has it.

Not here: where values come from. Source: kubernetes v1.34, third_party/forked/golang/expansion/expand.go: `$$` is one
`$`, a reference reaches to the first `)`, and one to nothing that is known stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FOUND = re.compile(r"\$(?:(\$)|\(([^)]*)\)|(\()|(.))", re.DOTALL)


def expanded(value: str, known: Mapping[str, str]) -> str:
    """The value with its references replaced, once."""

    def replaced(match: re.Match[str]) -> str:
        dollar, name, incomplete, other = match.groups()
        if name is not None:
            return known.get(name, f"$({name})")
        return dollar or f"${incomplete or other}"

    return _FOUND.sub(replaced, value)
