"""Tokens: production tokens by upstream's rules.

In:   the click state and the options of `create` or `delete`.
Out:  the token; DiagnosticError (FT123) when upstream refuses.

Not here: where a token is deployed. What is deployed may be looked up by the backend (`existing`): upstream lists
every state machine of the account for it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .environment import upstream_errors

if TYPE_CHECKING:
    from ..model.flows import Flow
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


def click_state(backend: Upstream, flow: Flow, deployed: str, told: Callable[[str], None]) -> Any:
    """What these rules ask of a click state, for a flow whose command line was another process's.

    `told` gets what Metaflow says. The prefix is that of `resolve_state_machine_name` and `resolve_workflow_name_v2`.
    """
    prefix = backend.token_prefix(flow.name, deployed)
    if flow.project is not None:
        # The name that Metaflow gives it; nothing is kept secret by it.
        digest = hashlib.sha1(f"{flow.project}.{flow.branch}".encode()).digest()  # noqa: S324
        prefix = f"mfprj-{base64.b32encode(digest).decode()[:16]}"
    nothing = dict.fromkeys(("environment", "metadata", "event_logger", "monitor"))
    return types.SimpleNamespace(
        **{backend.deployed_name: deployed},
        **nothing,
        token_prefix=prefix.lower(),
        is_project=flow.project is not None,
        echo=lambda text="", *_, **__: told(str(text)),
        flow=types.SimpleNamespace(name=flow.name),
    )


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
