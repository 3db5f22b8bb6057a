"""The source of the schemas: `make schemas` writes the JSON files beside this folder from it.

In:   nothing.
Out:  `documents()`: path below `schemas/` -> the schema.

Not here: the product. A schema judges what is emitted, so nothing here may ask the compiler or its templates: what
both say, each says by itself. Nothing of this folder is installed; what is read at run time are the JSON files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import argo, deploying, doctor, pictures, step_functions, trail

FOLDER = Path(__file__).parent.parent


def documents() -> dict[str, dict[str, Any]]:
    """Path below `schemas/` -> the schema."""
    return {
        **argo.DOCUMENTS,
        **deploying.DOCUMENTS,
        **doctor.DOCUMENTS,
        **pictures.DOCUMENTS,
        **step_functions.DOCUMENTS,
        **trail.DOCUMENTS,
    }


def text(document: dict[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
