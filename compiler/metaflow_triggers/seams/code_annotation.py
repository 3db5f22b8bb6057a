"""Code annotation: where a WorkflowTemplate says which code package its tasks load: in one field.

In:   upstream's WorkflowTemplate, in which each container's command and environment name the package; its place.
Out:  the same with the place as an annotation of all pods, which containers read as a variable.

Not here: what reads it back (`backends/argo/verify/code_references.py`).
The annotation is the template's own: Argo takes no argument for it. A Workflow may say `podMetadata` where it may
say any template; the modes Strict and Secure refuse that (allowedUserOverrideFields in workflow/util/merge.go of
argo-workflows 4.1.2), and let `workflowMetadata` and arguments pass, so neither of them is the field.
A command reads the variable as data: in Python from the environment, in the shell in quotes.
A JobSet's pods have no annotations of the Workflow, so the place is the default of an input of the template that makes
them. Where a command names the package in a way that is not known here, all stays as upstream wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_ANNOTATION as ANNOTATION
from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_INPUT as INPUT
from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_VARIABLE as VARIABLE

from ..manifests import job_set

_OF_THE_POD = {"name": VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION}']"}}}
_OF_THE_INPUT = {"name": VARIABLE, "value": f"{{{{inputs.parameters.{INPUT}}}}}"}
_SHA = "METAFLOW_CODE_SHA"
_TELL_SHA = f'export {_SHA}="${{{VARIABLE}##*/}}" && '


def in_one_field(template: dict[str, Any], path: str, sha: str) -> dict[str, Any]:
    """The template with the package's place in one field, and one more for each JobSet; itself where that cannot be.

    `path` is below the datastore's root and ends with `sha`, the package's name; or both are open.
    """
    change = _Change(path, sha)
    templates = []
    for before in template["spec"].get("templates", []):
        if ANNOTATION in before.get("metadata", {}).get("annotations", {}):
            return template  # the user's own, which would be the one that counts
        item = dict(before)
        if "container" in item:
            item["container"] = dict(item["container"])
            change(item["container"], _OF_THE_POD)
        if "manifest" in item.get("resource", {}):
            text = item["resource"]["manifest"]
            made = job_set.with_containers(text, lambda container: change(container, _OF_THE_INPUT))
            if VARIABLE in made:
                item["resource"] = {**item["resource"], "manifest": made}
        templates.append(item)
    if change.failed:
        return template
    spec = {**template["spec"], "templates": templates}
    pods = spec.get("podMetadata", {})
    spec["podMetadata"] = {**pods, "annotations": {**pods.get("annotations", {}), ANNOTATION: path}}
    for item in templates:
        if VARIABLE in item.get("resource", {}).get("manifest", ""):
            inputs = item.get("inputs", {})
            given = [*inputs.get("parameters", []), {"name": INPUT, "value": path}]
            item["inputs"] = {**inputs, "parameters": given}
    return {**template, "spec": spec}


class _Change:
    """Of containers, one after the other. `failed`: one names the package still, or has our variable already."""

    def __init__(self, path: str, sha: str) -> None:
        place = re.escape(path)
        self._path, self._sha, self.failed = path, sha, False
        self._forms = (
            # metaflow_environment.py, _get_download_code_package_cmd: S3; Azure and Google
            (
                re.compile(
                    rf"""('import boto3, os; [^']*\.download_file\("[^"']*", "[^"']*){place}"(, "job\.tar"\)')"""
                ),
                rf'\1"+os.environ["{VARIABLE}"]\2',
            ),
            (re.compile(rf"""(--(?:blob|object)=[^\s"']*){place}(?= )"""), rf'\1"${VARIABLE}"'),
            # get_package_commands
            (
                re.compile(rf"(mflog 'Failed to download code package from [^']*){place}([^']*')"),
                rf"""\1'"${VARIABLE}"'\2""",
            ),
        )

    def __call__(self, container: dict[str, Any], source: dict[str, Any]) -> None:
        entries = container.get("env", [])
        self.failed |= any(entry["name"] == VARIABLE for entry in entries)
        if not any(self._path in text for text in self._texts(container)):
            return
        command = [self._command(part) for part in container.get("command", [])]
        env = []
        for entry in entries:
            if entry["name"] == _SHA and entry.get("value") == self._sha:
                command = [*command[:-1], _TELL_SHA + command[-1]]
            elif self._path in entry.get("value", ""):
                env.append({**entry, "value": entry["value"].replace(self._path, f"$({VARIABLE})")})
            else:
                env.append(entry)
        container["command"] = command
        container["env"] = [dict(source), *env]  # Kubernetes knows a variable only behind it
        self.failed |= any(self._path in text or self._sha in text for text in self._texts(container))

    def _command(self, text: str) -> str:
        for pattern, instead in self._forms:
            text = pattern.sub(instead, text)
        return text

    @staticmethod
    def _texts(container: dict[str, Any]) -> Iterator[str]:
        yield from container.get("command", [])
        yield from (entry.get("value", "") for entry in container.get("env", []))
