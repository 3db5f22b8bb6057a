"""Tokens: production tokens by upstream's rules.

In:   the click state and the options of `create` or `delete`.
Out:  the token; DiagnosticError (FT123) when upstream refuses.

Not here: where a token is deployed. What is deployed may be looked up by the backend (`existing`): upstream lists
every state machine of the account for it.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .environment import upstream_errors

if TYPE_CHECKING:
    from .upstream import Upstream

Existing = Callable[[str], tuple[str | None, str | None] | None]
"""(owner, production token) of what is deployed under a name, or None."""


def resolve_token(
    obj: Any, backend: Upstream, name: str, options: dict[str, Any], existing: Existing | None = None
) -> str:
    """The production token by upstream's rules: authorise against what is deployed, keep or make one, remember it."""
    resolve = _upstreams(backend, "resolve_token", existing)
    with upstream_errors(obj):
        token: str = resolve(
            name,
            obj.token_prefix,
            obj,
            options.get("authorize"),
            options.get("given_token"),
            options.get("generate_new_token"),
            obj.is_project,
        )
    return token


def check_token(
    obj: Any, backend: Upstream, name: str, authorize: str | None, existing: Existing | None = None
) -> None:
    """Raise DiagnosticError(FT123) unless upstream would let this user delete the deployment."""
    validate = _upstreams(backend, "validate_token", existing)
    with upstream_errors(obj):
        validate(name, obj.token_prefix, authorize)


def _upstreams(backend: Upstream, name: str, existing: Existing | None) -> Callable[..., Any]:
    """Upstream's function, with our answer to the one question that it asks of the backend's class.

    Metaflow has no function of these rules that is given what is deployed: `production_token.py` only makes, loads and
    stores tokens. So it is upstream's code with names of its own; Metaflow's module stays as it is.
    """
    module_name, asked = backend.token_rules
    function: Any = getattr(importlib.import_module(module_name), name)
    if existing is None:
        return cast("Callable[..., Any]", function)

    answer = existing

    class Deployed:
        get_existing_deployment = staticmethod(answer)

    names = {**function.__globals__, asked: Deployed}
    return types.FunctionType(function.__code__, names, name, function.__defaults__, function.__closure__)
