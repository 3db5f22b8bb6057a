"""The file of a plan that `create --plan FILE` writes and `create --apply FILE` reads.

In:   nothing.
Out:  `DOCUMENTS`.

Not here: what a plan means. A file holds digests of what was compiled and of what the clouds had, and words for who
reviews it: nothing in it is carried out, so nothing in it has to be believed.
"""

from __future__ import annotations

from .notation import any_of, closed, document, some, text

_DIGEST = text("^[0-9a-f]{64}$")
_ROW = {
    "backend": text("^[a-z][a-z0-9-]{0,62}$"),
    "name": text(at_least=1, at_most=253),
    "does": any_of("created", "changed", "deleted", "unchanged", "refused"),
    "starts": some(text(), at_least=None),
    "objects": some(text(), at_least=None),
    "files": _DIGEST,
    "found": _DIGEST,
}

DOCUMENTS = document(
    "deploying/plan.schema.json",
    "A plan of `metaflow-triggers create`",
    closed({"format": "metaflow-triggers plan", "version": 1, "compiler": text(at_least=1), "rows": some(_ROW, None)}),
)
