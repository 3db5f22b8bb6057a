"""Tokens: production tokens by upstream's rules.

In:   the click state and the options of `create` or `delete`.
Out:  the token; DiagnosticError (FT123) when upstream refuses.

Not here: where a token is deployed. What is deployed may be looked up by the backend (`existing`): upstream lists
every state machine of the account for it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

from .environment import replaced, upstream_errors

Existing = Callable[[str], tuple[str | None, str | None] | None]
"""(owner, production token) of what is deployed under a name, or None."""


def resolve_token(obj: Any, backend: str, name: str, options: dict[str, Any], existing: Existing | None = None) -> str:
    """The production token by upstream's rules: authorise against what is deployed, keep or make one, remember it."""
    module = importlib.import_module(_TOKEN_MODULES[backend])
    with upstream_errors(obj), _looked_up(module, existing):
        token: str = module.resolve_token(
            name,
            obj.token_prefix,
            obj,
            options.get("authorize"),
            options.get("given_token"),
            options.get("generate_new_token"),
            obj.is_project,
        )
    return token


def check_token(obj: Any, backend: str, name: str, authorize: str | None, existing: Existing | None = None) -> None:
    """Raise DiagnosticError(FT123) unless upstream would let this user delete the deployment."""
    module = importlib.import_module(_TOKEN_MODULES[backend])
    with upstream_errors(obj), _looked_up(module, existing):
        module.validate_token(name, obj.token_prefix, authorize)


def _looked_up(module: Any, existing: Existing | None) -> contextlib.AbstractContextManager[None]:
    """Upstream's functions with our answer to the one question that they ask of the backend's class."""
    if existing is None:
        return contextlib.nullcontext()

    answer = existing

    class Deployed:
        get_existing_deployment = staticmethod(answer)

    return replaced(module, **{_ASKED[module.__name__]: Deployed})


_TOKEN_MODULES = {
    "step-functions": "metaflow.plugins.aws.step_functions.step_functions_cli",
    "argo-workflows": "metaflow.plugins.argo.argo_workflows_cli",
}

_ASKED = {
    "metaflow.plugins.aws.step_functions.step_functions_cli": "StepFunctions",
    "metaflow.plugins.argo.argo_workflows_cli": "ArgoWorkflows",
}
