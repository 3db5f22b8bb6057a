"""Project decorator: `@project` as Metaflow's, and its name may contain hyphens.

In:   what the user wrote, `--branch`, `--production`.
Out:  `current.project_name`, `branch_name`, `project_flow_name`, and the run's tags.

Not here: rules for branches, which are Metaflow's.
"""

from __future__ import annotations

from typing import Any

from metaflow.exception import MetaflowException
from metaflow.metaflow_current import current
from metaflow.plugins import project_decorator as _upstream


class _NoTags:
    def add_sticky_tags(self, tags: Any = (), sys_tags: Any = ()) -> None:
        """Nothing: the real tags follow."""


class ProjectDecorator(_upstream.ProjectDecorator):
    __doc__ = (_upstream.ProjectDecorator.__doc__ or "").replace(
        "contain only lowercase alphanumeric characters and underscores.",
        "contain only lowercase alphanumeric characters, underscores and hyphens.",
    )

    def flow_init(  # noqa: PLR0917 - Metaflow's signature
        self,
        flow: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Metaflow's hook. Raises MetaflowException for a bad name or branch, as Metaflow's."""
        name = self.attributes.get("name")
        if name is not None and not isinstance(name, str):
            raise MetaflowException(f"The @project name must be text, not {type(name).__name__}.")
        if not isinstance(name, str) or "-" not in name:
            super().flow_init(flow, graph, environment, flow_datastore, metadata, logger, echo, options)
            return
        # Metaflow checks everything under a name that it allows; then the real name takes its place.
        self.attributes["name"] = name.replace("-", "_")
        try:
            super().flow_init(
                flow, graph, environment, flow_datastore, _NoTags(), logger, lambda *_, **__: None, options
            )
        finally:
            self.attributes["name"] = name
        branch = current.branch_name
        current._update_env({"project_name": name, "project_flow_name": ".".join((name, branch, flow.name))})
        echo(f"Project: *{name}*, Branch: *{branch}*", fg="magenta", highlight="green")
        metadata.add_sticky_tags(sys_tags=[f"project:{name}", f"project_branch:{branch}"])
