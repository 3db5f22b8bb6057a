"""Upstream: what Metaflow has of one backend, by Metaflow's names.

In:   nothing; this is a value.
Out:  `Upstream`.

Not here: the values. Each stands in the seam of its backend (`state_machines`, `workflow_templates`), beside the code
that runs Metaflow's compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..model.settings import Settings
from .code_package import CodePackage
from .compilers import Options


@dataclass(frozen=True)
class Upstream:
    """The defaults are those of a backend that Metaflow does not have.

    `workflow` gives the step-by-step workflow as a JSON value; it takes the click state, the settings, the code
    package, the deployed name and the options of `create`. `group` is the command group, `attaches` the decorators
    that its `create` puts on every step, `bookkeeping` the one that its tasks have. The click state has the
    deployment's name as its attribute `deployed_name`. `token_rules`: the module that has the rules of production
    tokens, and what it calls the class that knows what is deployed;
    `token_prefix` gives, from a flow's name and its deployed name, what the token of a flow without `@project` begins
    with. `private_names` as `shape.PRIVATE_NAMES`.
    """

    workflow: Callable[[Any, Settings, CodePackage, str, Options], Any]
    group: str = ""
    attaches: tuple[str, ...] = ()
    bookkeeping: str = ""
    deployed_name: str = "deployed_name"
    token_rules: tuple[str, str] = ("", "")
    token_prefix: Callable[[str, str], str] = lambda flow, deployed: deployed
    private_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
