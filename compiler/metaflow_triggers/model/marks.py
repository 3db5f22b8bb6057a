"""Marks: what deployed objects say of the project that they belong to, so that whoever deploys it finds them again.

In:   a flow, the settings.
Out:  `Marks`, as labels and tags of one name; the texts that stand in them.

Not here: where they are put (`backends`). Without a project's id there are none, and nothing is marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .flows import Flow
from .names import digest
from .settings import Settings

PROJECT, BRANCH, PRODUCTION, USER = (
    f"metaflow-triggers/{name}" for name in ("project", "branch", "production", "user")
)
"""Names of labels and tags."""
NAMES = (PROJECT, BRANCH, PRODUCTION, USER)

ID = r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"
"""What an id looks like: it is a label's value, and a tag's."""

ID_IN_WORDS = "at most 63 lower-case letters, digits, `-`, `.` and `_`, the first and the last a letter or a digit"

_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""A label's value (Kubernetes, "Syntax and character set"); a tag of AWS takes it, too."""


@dataclass(frozen=True)
class Marks:
    """Of one deployment, as texts stand in objects. `branch` is that of a flow with @project, or, for other flows, of
    the command that deployed it last; None where neither has one."""

    project: str
    branch: str | None
    production: bool
    user: str

    def values(self) -> dict[str, str]:
        """Name -> text, for labels and tags."""
        told = {PROJECT: self.project, BRANCH: self.branch, USER: self.user}
        told[PRODUCTION] = "true" if self.production else "false"
        return {name: value for name in NAMES if (value := told[name]) is not None}


def marks(flow: Flow, settings: Settings) -> Marks | None:
    """Those of a flow's objects; None without an id."""
    if settings.project_id is None:
        return None
    branch, production = flow.branch or "", settings.production
    if flow.project is None:
        branch = "" if settings.branch is None else branch_name(settings.branch, production, settings.user)
    else:
        production = is_production(branch)
    return Marks(settings.project_id, value(branch) if branch else None, production, value(settings.user))


def mark_values(flow: Flow, settings: Settings) -> dict[str, str]:
    """`Marks.values` of a flow; none without an id."""
    found = marks(flow, settings)
    return {} if found is None else found.values()


def branch_name(branch: str | None, production: bool, user: str) -> str:
    """What Metaflow calls the branch of a command (`project_decorator.format_name`)."""
    if branch is None:
        return "prod" if production else f"user.{user}"
    return f"{'prod' if production else 'test'}.{branch}"


def is_production(branch: str) -> bool:
    """Whether a branch is one of --production, by its name."""
    return branch == "prod" or branch.startswith("prod.")


def value(text: str) -> str:
    """A text as a label's value: as it is where that can be, else readable with a hash of it."""
    if _VALUE.fullmatch(text):
        return text
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:46].rstrip("._-")
    return f"{readable}-{digest(text)}" if readable else digest(text)


def read(values: dict[str, str]) -> Marks | None:
    """The marks of an object's labels or tags; None where it has none."""
    if PROJECT not in values:
        return None
    return Marks(values[PROJECT], values.get(BRANCH), values.get(PRODUCTION) == "true", values.get(USER, ""))
