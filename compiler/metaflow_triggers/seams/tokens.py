"""Tokens: production tokens by upstream's rules.

In:   the click state and the options of `create` or `delete`.
Out:  the token; DiagnosticError (FT123) when upstream refuses.

Not here: where a token is deployed.
"""

from __future__ import annotations

import importlib
from typing import Any

from .environment import upstream_errors


def resolve_token(obj: Any, backend: str, name: str, options: dict[str, Any]) -> str:
    """The production token by upstream's rules: authorise against what is deployed, keep or make one, remember it."""
    module = importlib.import_module(_TOKEN_MODULES[backend])
    with upstream_errors(obj):
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


def check_token(obj: Any, backend: str, name: str, authorize: str | None) -> None:
    """Raise DiagnosticError(FT123) unless upstream would let this user delete the deployment."""
    module = importlib.import_module(_TOKEN_MODULES[backend])
    with upstream_errors(obj):
        module.validate_token(name, obj.token_prefix, authorize)


_TOKEN_MODULES = {
    "step-functions": "metaflow.plugins.aws.step_functions.step_functions_cli",
    "argo-workflows": "metaflow.plugins.argo.argo_workflows_cli",
}
