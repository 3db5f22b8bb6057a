"""Kept compression: the compressed form of one large part of every code package, kept from one command to the next.

In:   the part's bytes, and how they are compressed.
Out:  their compressed form, the same bytes that compressing gives.

Not here: what the part is (`code_package`). It is kept where Python keeps this module compiled, and under the same
conditions: who can write there can change this module as well. What is kept says of which bytes it is made, by which
zlib, and its own hash; what says anything else, or is damaged, is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

_HASH = 32


def compressed(data: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """`compress(data)`, which is made once for the same data."""
    place = _place()
    if place is None:
        return compress(data)
    of = hashlib.sha256(zlib.ZLIB_RUNTIME_VERSION.encode() + b"\0" + data).digest()
    with contextlib.suppress(OSError):
        kept = place.read_bytes()
        made = kept[2 * _HASH :]
        if kept[: 2 * _HASH] == of + hashlib.sha256(made).digest():
            return made
    made = compress(data)
    if not sys.dont_write_bytecode:
        temporary = place.with_name(f"{place.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(of + hashlib.sha256(made).digest() + made)
            temporary.replace(place)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return made


def _place() -> Path | None:
    try:
        return Path(importlib.util.cache_from_source(__file__)).with_suffix(".gz")
    except NotImplementedError:
        return None
