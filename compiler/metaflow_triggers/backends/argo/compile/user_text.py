"""User text: what a user wrote, kept as it is where Argo Workflows would fill in `{{...}}`.

In:   upstream's WorkflowTemplate, before anything of ours is added to it; the flow.
Out:  the same object with such text carried; FT512 for text that nothing can carry.

Not here: upstream's own tags, texts that the cluster reads as names (images, accounts, labels of nodes).
Argo's controller reads every template, and the pod that it makes of it, several times, the spec around them once
(util/template, workflow/common/util.go, workflow/controller/{operator,workflowpod}.go of argo-workflows 4.1.2). It
fills in the tags that it knows and everything that begins with `{{=`, leaves other tags as they are, and an unclosed
`{{` reaches to the next `}}` wherever that stands. What one reading has filled in the next one reads again, so nothing
in that language stands for two braces. But
* the value of an environment variable is read once more, by Kubernetes, which puts another variable in place of
  `$(NAME)`: the second of two braces is such a variable;
* JSON may say a brace by an escape;
* title and description stand in the WorkflowTemplate's own metadata, where nobody fills anything in. Pods, which have a
  copy, do without what would be changed there.
A parameter's default is safe: upstream takes it encoded into the command, and it is not read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract import words

from ....diagnostics import Diagnostic, DiagnosticError
from ....manifests import job_set
from ....model.flows import Flow

BRACE = "METAFLOW_TRIGGERS_BRACE"
"""The environment variable that holds one opening brace."""

_STEP = "metaflow/step_name"
_UPSTREAMS = frozenset(("ARGO_WORKFLOW_NAME", "METAFLOW_RUN_ID", "METAFLOW_RETRY_COUNT"))
_OF_JOB_SETS = frozenset(
    ("MF_MASTER_ADDR", "MF_WORLD_SIZE", "MF_PARALLEL_CONTROL_TASK_ID", words.CODE_PACKAGE_VARIABLE)
)
"""Variables filled with tags: upstream's, set after the user's (argo_workflows.py, Metaflow 2.19), and ours."""
_OWN_ANNOTATIONS = frozenset(("metaflow/run_id", "metaflow/attempt"))
_OWN_LABELS = frozenset(
    ("task_id_entropy", "num_parallel", "metaflow/argo-workflows-name", "workflows.argoproj.io/workflow")
)
_FOR_PEOPLE = frozenset(("workflows.argoproj.io/title", "workflows.argoproj.io/description"))
_FILLED = re.compile(r"(item|steps|tasks|inputs|outputs|pod|node|workflow|cronworkflow|lastRetry)(?![\w-])|retries\Z")
_IN_COMMANDS = re.compile(
    r"\{\{(?:workflow\.(?:name|creationTimestamp)|retries|inputs\.parameters\.[\w-]+"
    r"|=toBase64\((?:inputs|workflow)\.parameters\['[^']+'\]\))\}\}"
)
_OF_THE_RUN = re.compile(r"\{\{\s*workflow\.[\w.-]+\s*\}\}")
_INPUT = re.compile(r"(\{\{\s*inputs\.parameters\.([\w-]+)\s*\}\})")
_REFERENCE = re.compile(r"\$\$|\$\([^)]*\)|\$\(|\$(?=.)", re.DOTALL)


def keep(template: Any, flow: Flow) -> None:
    """Change a WorkflowTemplate of upstream's so that the user's text arrives. Raises DiagnosticError (FT512)."""
    spec = template["spec"]
    for holder in (spec.get("workflowMetadata", {}), spec.get("podMetadata", {})):
        _keep_annotations(holder.get("annotations", {}))
    told = template["metadata"].get("annotations", {})
    found = [
        _refused(flow, f"the tag `{tag}` of the run", changed)
        for tag in json.loads(told.get("metaflow/tags", "[]"))
        if (changed := first_changed(tag)) is not None
    ]
    for item in spec["templates"]:
        step = item.get("metadata", {}).get("annotations", {}).get(_STEP)
        if "manifest" in item.get("resource", {}):
            found += _keep_job_set(item, flow)
        elif "container" in item and step is not None:
            found += _keep_step(item, flow, step)
    if found:
        raise DiagnosticError([item for number, item in enumerate(found) if item not in found[:number]])


def _keep_job_set(item: Any, flow: Flow) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    step = item["name"]
    item["resource"]["manifest"] = job_set.with_containers(
        item["resource"]["manifest"],
        lambda container: _keep_environment(container, _UPSTREAMS | _OF_JOB_SETS),
        lambda metadata: found.extend(_keep_metadata(metadata, flow, step)),
    )
    known = {one["name"] for one in item.get("inputs", {}).get("parameters", [])}
    for tag, name in _INPUT.findall(item["resource"]["manifest"]):
        if name not in known:
            found.append(_refused(flow, f"a setting of step `{step}`", tag))
    return found


def _keep_step(item: Any, flow: Flow, step: str) -> list[Diagnostic]:
    container = item["container"]
    _keep_environment(container, _UPSTREAMS)
    found = list(_keep_metadata(item["metadata"], flow, step))
    for text in container.get("command", []):
        changed = first_changed(_IN_COMMANDS.sub("", text))
        if changed is not None:
            found.append(_refused(flow, f"the command of step `{step}`", changed))
    rest = {key: value for key, value in item.items() if key not in ("container", "metadata", "inputs", "outputs")}
    rest |= {key: value for key, value in container.items() if key not in ("env", "command")}
    for key, text in _texts(rest):
        changed = first_changed(text)
        # A name of an image or an account may be meant to hold what the run is called.
        if changed is not None and not _OF_THE_RUN.fullmatch(changed):
            found.append(_refused(flow, f"`{key}` of step `{step}`", changed))
    return found


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(nearest key, text) of each text in a JSON value, keys included."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, name
            yield from _texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
    elif isinstance(value, str):
        yield key, value


def first_changed(text: str) -> str | None:
    """The first tag that Argo would fill in, or that ends outside of the text; None where the text stays as it is."""
    begin = text.find("{{")
    while begin >= 0:
        end = text.find("}}", begin + 2)
        tag = text[begin + 2 :] if end < 0 else text[begin + 2 : end]
        if end < 0 or "{{" in tag or tag.startswith("=") or _FILLED.match(tag.strip()):
            return text[begin:] if end < 0 else text[begin : end + 2]
        begin = text.find("{{", end + 2)
    return None


def carried(value: str) -> str:
    """The value of an environment variable, without two braces that follow each other.

    A reference of the user's to another variable stays one; what looks like the beginning of one and is none is told
    apart from ours by Kubernetes' own `$$`.
    """
    out, position = [], 0
    for match in _REFERENCE.finditer(value):
        out.append(value[position : match.start()])
        text = match[0]
        is_none = text == "$(" or (text.startswith("$(") and "{{" in text)
        out.append(text.replace("$", "$$") if is_none else text)
        position = match.end()
    return re.sub(r"(?<=\{)\{", f"$({BRACE})", "".join([*out, value[position:]]))


def _keep_environment(container: dict[str, Any], upstreams: frozenset[str]) -> None:
    entries = container.get("env", [])
    users = [entry for entry in entries if entry["name"] not in upstreams and "{{" in entry.get("value", "")]
    for entry in users:
        entry["value"] = carried(entry["value"])
    if users:
        # Kubernetes knows a variable only behind it.
        entries.insert(0, {"name": BRACE, "value": "{"})


def _keep_annotations(annotations: dict[str, str]) -> None:
    """Of the spec: they are copies of what stands in the WorkflowTemplate's own metadata, and are filled in."""
    for key, value in list(annotations.items()):
        if key in _OWN_ANNOTATIONS or "{{" not in value:
            continue
        if key in _FOR_PEOPLE:
            if first_changed(value) is not None:
                del annotations[key]
        elif _is_json(value):
            # Two braces follow each other inside of a string only.
            annotations[key] = value.replace("{{", "{\\u007b")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _keep_metadata(metadata: dict[str, Any], flow: Flow, step: str) -> Iterator[Diagnostic]:
    """Of a step's pods: refuse what the user wrote and nothing can carry."""
    annotations = metadata.get("annotations", {})
    _keep_annotations(annotations)
    for what, own, values in (
        ("annotation", _OWN_ANNOTATIONS, annotations),
        ("label", _OWN_LABELS, metadata.get("labels", {})),
    ):
        for key, value in values.items():
            changed = first_changed(f"{key} {value}") if key not in own else None
            if changed is not None:
                yield _refused(flow, f"the {what} `{key}` of step `{step}`", changed)


def _refused(flow: Flow, where: str, tag: str) -> Diagnostic:
    shown = tag if len(tag) <= 60 else f"{tag[:57]}..."
    return Diagnostic(
        "FT512",
        f"{where} of `{flow.name}` holds `{shown}`, which Argo Workflows would fill in",
        flow.span,
        "would not arrive as it is written",
        helps=(
            "write it without two opening braces in a row",
            "or give it to the step in a variable of @environment, where it arrives as it is written",
        ),
    )
