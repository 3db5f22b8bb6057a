"""Job set: the JobSet of a @parallel step, which stands as text in a WorkflowTemplate.

In:   that text, what shall be done to a container and to the metadata of objects.
Out:  the text with it done to each of them.

Not here: what is done. Argo fills the text in before it is read, so upstream leaves one number of it without quotes
(`_WORKERS`; dump in metaflow/plugins/kubernetes/kubernetes_jobsets.py), and so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .text import yaml_text

_WORKERS = "{{=asInt(inputs.parameters.workerCount)}}"

Change = Callable[[dict[str, Any]], None]


def with_containers(text: str, change: Change, change_metadata: Change | None = None) -> str:
    """`text` after `change` was called with each container, and `change_metadata` with the metadata of the JobSet, its
    jobs and their pods; each may alter what it is given."""
    import yaml

    content = yaml.load(text.replace(_WORKERS, f"'{_WORKERS}'"), yaml.CSafeLoader)
    for job in content["spec"]["replicatedJobs"]:
        for container in job["template"]["spec"]["template"]["spec"]["containers"]:
            change(container)
        if change_metadata is not None:
            for holder in (job["template"], job["template"]["spec"]["template"]):
                change_metadata(holder.get("metadata", {}))
    if change_metadata is not None:
        change_metadata(content.get("metadata", {}))
    return yaml_text(content).replace(f"'{_WORKERS}'", _WORKERS)
