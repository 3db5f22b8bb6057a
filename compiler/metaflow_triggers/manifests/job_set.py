"""Job set: the JobSet of a @parallel step, which stands as text in a WorkflowTemplate.

In:   that text, what shall be done to a container.
Out:  the text with it done to each container.

Not here: what is done. Argo fills the text in before it is read, so upstream leaves one number of it without quotes
(`_WORKERS`; dump in metaflow/plugins/kubernetes/kubernetes_jobsets.py), and so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .text import yaml_text

_WORKERS = "{{=asInt(inputs.parameters.workerCount)}}"


def with_containers(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    """`text` after `change` was called with each container, which it may alter."""
    import yaml

    content = yaml.load(text.replace(_WORKERS, f"'{_WORKERS}'"), yaml.CSafeLoader)
    for job in content["spec"]["replicatedJobs"]:
        for container in job["template"]["spec"]["template"]["spec"]["containers"]:
            change(container)
    return yaml_text(content).replace(f"'{_WORKERS}'", _WORKERS)
