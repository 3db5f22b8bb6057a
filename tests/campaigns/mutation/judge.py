"""Judge: what the compiler has against finished objects, and what upstream's own means have.

In:   a subject with one of its objects changed.
Out:  texts; empty when nothing is noticed.

Not here: mutations. The order is the compiler's: a flow's objects are checked for what they mean, then each against
its closed schema; here the schema comes first, so that the numbers tell what each of the two adds.
"""

from __future__ import annotations

from typing import Any

from metaflow_triggers.backends.argo.compile import emit
from metaflow_triggers.backends.argo.compile.trust import trust
from metaflow_triggers.backends.shape import Manifest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text

from tests.campaigns import argo_schemas

from .subjects import Subject


def schema_of(subject: Subject, item: Any) -> str:
    """The name of the closed schema of an object."""
    return step_functions.SCHEMA if subject.backend == "step-functions" else argo_schemas.schema_of(item)


def by_schema(subject: Subject, file: str, item: Any) -> list[str]:
    """What the closed schema finds in one object."""
    return [f"{pointer}: {message}" for pointer, message in findings(item, schema_of(subject, subject.objects[file]))]


def by_meaning(subject: Subject, file: str, item: Any) -> list[str]:
    """What the checks find in the subject's objects, one of them changed."""
    objects = subject.objects | {file: item}
    if subject.backend == "step-functions":
        text = yaml_text(item)
        return [
            found.message
            for found in step_functions.mistakes(item, text, subject.flow, subject.settings, subject.polls)
        ]
    manifests = [Manifest(f"{subject.backend}/{path}", content, None, True) for path, content in objects.items()]
    if file.startswith("_shared/"):
        return [found.message for found in emit.shared_mistakes(manifests, subject.settings)]
    believed = trust(subject.graph, subject.settings)
    return [
        found.message
        for found in emit.flow_mistakes(manifests, subject.flow, subject.settings, believed, subject.polls)
    ]
