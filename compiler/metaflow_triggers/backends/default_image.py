"""Default image: the image that steps have where neither they nor a setting name one.

In:   the images of what was compiled.
Out:  the setting that is open, with that image as its default; nothing where all are named.

Not here: which objects have images. It is the image of the Python that compiles, from a public registry: a cluster may
not reach it, and another machine compiles another one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from .. import seams
from .shape import Open

_SETTINGS = ("DEFAULT_CONTAINER_IMAGE", "KUBERNETES_CONTAINER_IMAGE", "BATCH_CONTAINER_IMAGE")
_BY_ITSELF = f"python:{sys.version_info.major}.{sys.version_info.minor}"
"""Of the steps' decorators (kubernetes_decorator.py, batch_decorator.py); a registry may stand before it."""


def default_image(images: Iterable[str]) -> list[Open]:
    """At most one. An image that a step names itself, and that is the same, counts: a setting says it as well."""
    found = sorted({image for image in images if image.rpartition("/")[2] == _BY_ITSELF})
    if not found or any(seams.configured(name) for name in _SETTINGS):
        return []
    return [Open("METAFLOW_DEFAULT_CONTAINER_IMAGE", f"`{found[0]}`", found[0])]
