"""Starting: a claim becomes a Workflow, and a Workflow says what has become of its claim.

In:   a claim of `polling.record`, the API.
Out:  what is known then: it is there, it cannot be, nobody knows yet (`Workflows` is the `Runs` of `polling.places`).

Not here: storing that (`polling.poller`). To create is to start: the API server takes one object of a name, and one
that is there already says whose it is, so a lost answer, or a poller that ended, costs nothing and starts nothing
twice.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, local_start, trigger_document, words

from ..fires import dependency_of, run_name
from ..places import REFUSED, STARTED, TAKEN, UNKNOWN, Read
from ..record import Declaration
from .api import Api, said

CLAIM_ANNOTATION = "metaflow-triggers/claim"
"""Of a Workflow that a poller made: the uid of the trigger's ConfigMap, and the generation."""
POLL_LABEL = "metaflow-triggers/poll"
"""Of such a Workflow: the name of the trigger's ConfigMap."""
DEPLOYED_NAME, MANAGED_BY = "metaflow-triggers/deployed-name", "app.kubernetes.io/managed-by"


class Workflows:
    """The Workflows of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows"

    def name(self, read: Read, digest: str, generation: int) -> str:
        """A DNS label. Of the deployment, too: another branch may have a trigger of this name in the same namespace."""
        of_deployment = hashlib.sha256(f"{read.declared.template} {digest}".encode()).hexdigest()
        return run_name(read.declared.name, of_deployment, generation)

    def start(self, key: str, read: Read, claim: dict[str, Any]) -> tuple[str, str]:
        """(what came of it, why). Raises OSError where there was no answer."""
        item = workflow(read.declared, claim, key, read.uid)
        status, told = self._api.create(self._path, item)
        if status in (200, 201):
            return STARTED, ""
        if status == 409:
            return self._whose(item)
        if status in (400, 413, 422):
            return REFUSED, f"the API server does not take the Workflow: {said(status, told)}"
        return UNKNOWN, f"the Workflow could not be made: {said(status, told)}"

    def ended(self, claim: dict[str, Any]) -> tuple[str, str | None] | None:
        """How the run of a claim has ended, and why; None while it runs. Raises OSError where nobody knows."""
        found = self.find(claim["name"])
        return ("lost", "its Workflow is gone") if found is None else end_of(found)

    def find(self, name: str) -> dict[str, Any] | None:
        """The Workflow, or None where it is gone. Raises OSError where nobody knows."""
        status, told = self._api.get(f"{self._path}/{name}")
        if status == 404:
            return None
        if status != 200:
            raise OSError(f"the Workflow {name} cannot be read: {said(status, told)}")
        return told

    def _whose(self, item: dict[str, Any]) -> tuple[str, str]:
        metadata = item["metadata"]
        found = self.find(metadata["name"])
        if found is None:  # it has gone between the two: the next look makes it
            return UNKNOWN, f"the Workflow {metadata['name']} came and went"
        claim = (found["metadata"].get("annotations") or {}).get(CLAIM_ANNOTATION)
        if claim == metadata["annotations"][CLAIM_ANNOTATION]:
            return STARTED, ""
        return TAKEN, f"a Workflow {metadata['name']} is there, of another claim ({claim})"


def workflow(declared: Declaration, claim: dict[str, Any], config_map: str, uid: str) -> dict[str, Any]:
    """The Workflow of a claim: the same, however often it is made. The payload is an argument, as base64."""
    payload = exact_json.loads(claim["payload"])
    event = local_start.event_body(declared.name, claim["name"], claim["started_at"], payload)
    told = trigger_document.document([dependency_of(declared.target, payload)])
    body = base64.b64encode(exact_json.dumps(event).encode()).decode("ascii")
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": claim["name"],
            "labels": {
                words.STARTED_BY_LABEL: "event",
                DEPLOYED_NAME: declared.template,
                POLL_LABEL: config_map,
            },
            "annotations": {
                words.DEPENDENCIES_ANNOTATION: exact_json.dumps(told),
                CLAIM_ANNOTATION: f"{uid}/{claim['generation']}",
            },
        },
        "spec": {
            "arguments": {
                "parameters": [
                    {"name": words.EVENT_ARGUMENT, "value": body},
                    {"name": words.PAYLOAD_ARGUMENT, "value": ""},
                ]
            },
            "workflowTemplateRef": {"name": declared.template},
        },
    }


def end_of(workflow: dict[str, Any]) -> tuple[str, str | None] | None:
    """How a run has ended, and why; None while it runs."""
    phase = (workflow.get("status") or {}).get("phase")
    message = (workflow.get("status") or {}).get("message")
    if phase == "Succeeded":
        return "succeeded", None
    if phase in ("Failed", "Error"):
        stopped = (workflow.get("spec") or {}).get("shutdown")
        return ("aborted" if stopped else "failed"), message
    return None
