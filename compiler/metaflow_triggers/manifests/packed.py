"""Packed: a text that waits, in a tenth of its room.

In:   a text.
Out:  bytes that nobody but `unpacked` reads; the text.

Not here: which texts wait. A project's are read first and written last, a hundred kilobytes for each flow and backend.
What is packed is never written: other releases of zlib give other bytes.
"""

from __future__ import annotations

import zlib

_LEVEL = 1
"""The fastest. The texts repeat themselves so much that the others hardly give shorter ones."""


def packed(text: str) -> bytes:
    """The text in less room; half a surrogate stays as it is."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), _LEVEL)


def unpacked(content: bytes) -> str:
    """The text of which `packed` made this. Raises zlib.error for anything else."""
    return zlib.decompress(content).decode("utf-8", "surrogatepass")
