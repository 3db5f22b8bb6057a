"""Upload: the code package and its parts, where the compiled workflow looks for them.

In:   the click state, the datastore's root, the package.
Out:  what was written, one after the other; DiagnosticError (FT701, FT702, FT704, FT900).

Not here: when. All of it is written before anything refers to it. What S3 refuses is said in S3's words (`s3_answers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from .code_package import CodePackage
from .environment import s3_datastore
from .parts import Part
from .s3_answers import heard, listening


def upload_code_package(obj: Any, root: str, package: CodePackage) -> None:
    """Put the package into Metaflow's own content-addressed store.

    Raises DiagnosticError: FT701, FT702, FT704 if the datastore refuses, FT900 if it ends up elsewhere.
    """
    _save(obj, root, package.blob, package.path, "the code package")


def upload_parts(obj: Any, root: str, package: CodePackage) -> Iterator[tuple[Part, str]]:
    """Put each part at its address; yields it with the address before it is written. Raises as `upload_code_package`.

    What is there already under the same hash is left alone, as Metaflow does.
    """
    for part in package.parts:
        address = part.address if part.path is None else f"{root}/{part.path}"
        yield part, address
        if part.client is None:
            assert part.path is not None
            _save(obj, root, part.read(), part.path, f"the {part.about}")
        else:
            _put(part, address)
    for remember in package.parts.when_uploaded:
        remember()


def _save(obj: Any, root: str, content: bytes | None, path: str, what: str) -> None:
    try:
        with listening():
            uri, _ = s3_datastore(obj, root).save_data([content], len_hint=1)[0]
    except Exception as error:
        raise heard(what, f"{root}/{path}", error) from error
    if uri != f"{root}/{path}":
        raise DiagnosticError([Diagnostic("FT900", f"{what} went to {uri}, expected {root}/{path}")])


def _put(part: Part, address: str) -> None:
    from metaflow import includefile

    client = includefile._dict_dataclients[part.client]
    try:
        with listening(), client() as writer:
            writer.put(address, part.read(), overwrite=False)
    except Exception as error:
        raise heard(f"the {part.about}", address, error) from error
