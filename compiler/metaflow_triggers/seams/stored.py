"""Stored: whether what compiled files refer to is in the datastore.

In:   the datastore's root, places below it.
Out:  those where nothing is; DiagnosticError (FT701, FT702, FT704) where S3 does not say.

Not here: what is at a place. It is named by a hash of it, so whatever is there is it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .s3_answers import heard, listening


def not_stored(root: str, places: Iterable[str]) -> list[str]:
    """The places at which the datastore has nothing."""
    from metaflow import S3

    missing = []
    for place in places:
        try:
            with listening(), S3(s3root=root) as store:
                if not store.info(place, return_missing=True).exists:
                    missing.append(place)
        except Exception as error:
            raise heard("what the folder refers to", f"{root}/{place}", error) from error
    return missing
