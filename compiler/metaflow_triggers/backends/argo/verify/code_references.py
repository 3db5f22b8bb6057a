"""Check code references: whether each container that loads code finds the place of the package.

In:   the spec of a WorkflowTemplate, as it will be written.
Out:  texts: what a task would not find, or would take from elsewhere than the one field.

Not here: whether the package is there. A pod starts without an annotation that it asks for, and then loads nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_ANNOTATION as ANNOTATION
from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_INPUT as INPUT
from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_VARIABLE as VARIABLE

from ....manifests import job_set

_FROM_THE_POD = {"valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION}']"}}}
_FROM_THE_INPUT = {"value": f"{{{{inputs.parameters.{INPUT}}}}}"}


def mistakes(spec: Any) -> Iterator[str]:
    """What is wrong with the places where a spec says which code package its tasks load."""
    place = spec.get("podMetadata", {}).get("annotations", {}).get(ANNOTATION)
    asked = False
    for template in spec["templates"]:
        name = template["name"]
        if ANNOTATION in template.get("metadata", {}).get("annotations", {}) and place is not None:
            yield f"the pods of `{name}` say another code package"
        if "container" in template and _asks(template["container"]):
            asked = True
            yield from _unknown(name, template["container"], _FROM_THE_POD)
        if VARIABLE in template.get("resource", {}).get("manifest", ""):
            asked = True
            containers: list[dict[str, Any]] = []
            job_set.with_containers(template["resource"]["manifest"], containers.append)
            for container in containers:
                yield from _unknown(name, container, _FROM_THE_INPUT)
            given = [item for item in template.get("inputs", {}).get("parameters", []) if item["name"] == INPUT]
            if given != [{"name": INPUT, "value": place}]:
                yield f"`{name}` gives its JobSet another code package than the pods have"
    if asked != (place is not None):
        yield f"the pods' annotation `{ANNOTATION}` is missing, or nobody reads it"


def _asks(container: dict[str, Any]) -> bool:
    """Whether the variable stands anywhere in it. Where it is declared, nothing needs to be searched."""
    return any(entry.get("name") == VARIABLE for entry in container.get("env", [])) or VARIABLE in json.dumps(container)


_REFERENCE = f"$({VARIABLE})"


def _unknown(template: str, container: dict[str, Any], source: dict[str, Any]) -> Iterator[str]:
    """Kubernetes knows a variable only behind it, and of two of one name the last."""
    entries = container.get("env", [])
    referring = [place for place, entry in enumerate(entries) if _REFERENCE in entry.get("value", "")]
    found = [place for place, entry in enumerate(entries) if entry["name"] == VARIABLE]
    if [entries[place] for place in found] != [{"name": VARIABLE, **source}] or (referring and found[0] > referring[0]):
        yield f"`{template}` does not have `{VARIABLE}` from the pods' annotation before all that refers to it"
