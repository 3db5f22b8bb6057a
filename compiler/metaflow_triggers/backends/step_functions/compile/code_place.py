"""Code place: where a template says which code package the flow's steps load: in one line.

In:   upstream's state machine and job definitions, with the place of the code package if there is one.
Out:  the same with that place left open; what stands for it in each text; the template's Mappings.

Not here: the package. Without one its place is a Parameter (`parameters.py`). With one it is no Parameter's default:
`aws cloudformation deploy` and an update with `UsePreviousValue` keep the value of a parameter whose default is
another one now, so the stack would go on running yesterday's code.
"""

from __future__ import annotations

from typing import Any

from ....model.settings import open_setting
from .open_settings import Stands

MAPPING = "Code"
_PATH = {"Fn::FindInMap": [MAPPING, "Package", "Path"]}
_SHA = {"Fn::Select": [3, {"Fn::Split": ["/", _PATH]}]}  # <flow>/data/<two digits>/<SHA-1>
STANDS: dict[str, Stands] = {"CodePackagePath": _PATH, "CodePackageSha": _SHA}


def mappings(workflow: Any) -> dict[str, Any]:
    """The template's Mappings; none without a code package."""
    place = (workflow or {}).get("code_package")
    return {} if place is None else {MAPPING: {"Package": {"Path": place}}}


def opened(workflow: Any) -> Any:
    """The workflow with the place of its code package left open."""
    place = workflow.get("code_package")
    if place is None:
        return workflow
    names = ((place, open_setting("CodePackagePath")), (place.rpartition("/")[2], open_setting("CodePackageSha")))
    return _renamed(workflow, names)


def stands(workflow: Any) -> dict[str, Stands]:
    """What stands for that place; nothing without a package, whose parameters then do."""
    return {} if workflow.get("code_package") is None else STANDS


def _renamed(value: Any, names: tuple[tuple[str, str], ...]) -> Any:
    if isinstance(value, str):
        for old, new in names:
            value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value
