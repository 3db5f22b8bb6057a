"""Deploy: manifests onto a cluster, and off it again.

In:   manifests, the settings, a client of the `kubernetes` package (or its configuration from the usual places).
Out:  a `Report` of what was done; DiagnosticError (FT002, FT701 to FT705) where it cannot be done.

Not here: compiling, uploading code, choosing a production token, planning (`plan.py`).

Objects are written by server-side apply under one field manager: a second `create` writes nothing, and fields that
others manage stay. An object that exists without our label is not touched, but for what upstream deployed of the same
flow, which is adopted. All requests pass the server's dry run before the first object is written; a `create` that is
cut short anywhere is finished by the next one.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ....diagnostics import Diagnostic, DiagnosticError
from ....model.facts import identity
from ....model.flows import Flow
from ....model.settings import Settings
from ...plans import half_way
from ...shape import About
from ..compile import names
from ..compile.open_settings import SETTINGS, placeholders
from ..compile.shared import outcome_webhook_url, webhook_url
from .adoption import changed_starts
from .cluster import KINDS, Cluster, Superseded
from .execute import execute, rehearse
from .instructions import DEPLOYED_NAME, MANAGED_BY, Deployment, Plan, Step
from .plan import plan_create, plan_delete, secret_text

__all__ = ["DEPLOYED_NAME", "MANAGED_BY", "Report", "create", "delete", "one_document", "plan", "production_token"]

_ROUNDS = 10


class HasContent(Protocol):
    """A manifest, or a file made of one."""

    @property
    def content(self) -> Any: ...


@dataclass(frozen=True)
class Report:
    """What `create` or `delete` did, in order: one step for each object."""

    actions: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.actions)) or "nothing to do"


def one_document(files: Iterable[HasContent]) -> str:
    """All objects as JSON text of one `kind: List`."""
    items = [item.content for item in files if item.content.get("kind") in KINDS]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2, ensure_ascii=False) + "\n"


def missing_settings(settings: Settings, deleting: bool = False) -> list[Diagnostic]:
    """Settings without which `create` cannot go on."""
    if deleting:
        return []
    missing = [] if settings.datastore_s3 else ["DatastoreBucket"]
    return [_missing(name) for name in [*missing, *placeholders(webhook_url(settings) + outcome_webhook_url(settings))]]


def deployment(
    files: Iterable[HasContent],
    deployed_name: str,
    token: str,
    *,
    token_is_chosen: bool = False,
    about: About | None = None,
    replaces: Sequence[str] = (),
    beside: Sequence[Flow] = (),
) -> Deployment:
    """What `files` deploy. Raises DiagnosticError(FT002) for a setting that is open in them."""
    objects = tuple(item.content for item in files if item.content.get("kind") in KINDS)
    unknown = sorted({name for item in objects for name in placeholders(json.dumps(item))})
    if unknown:
        raise DiagnosticError(list(dict.fromkeys(_missing(name) for name in unknown)))
    # Without the flow nothing is made anew of how its parents are deployed.
    model, flow = (None, None) if about is None else (about.model, None if about.as_written else about.flow)
    former = () if about is None else names.former_names(about.flow)
    others = tuple(name for name in replaces if name != deployed_name)
    return Deployment(
        deployed_name, objects, token, token_is_chosen, model, former, others, flow, frozenset(map(identity, beside))
    )


def plan(wanted: Deployment, settings: Settings, *, client: Any = None, api: Cluster | None = None) -> Plan:
    """What `create` would do. Raises DiagnosticError as it does; nothing is changed."""
    return plan_create(api or Cluster.of(client), [wanted], settings, _new_secret)


def changes(found: Plan, about: Iterable[About], settings: Settings) -> list[str]:
    """Starts of upstream's deployments that a plan would change, in words."""
    lines: list[str] = []
    for each in about:
        theirs = found.adopted.get(names.own_name(each.flow))
        if theirs is not None:
            lines += changed_starts(theirs[1], theirs[2], each, settings)
    return lines


def create(
    files: Sequence[HasContent],
    settings: Settings,
    *,
    deployed_name: str,
    production_token: str,
    client: Any = None,
    token_is_chosen: bool = False,
    about: About | None = None,
    accept_changes: bool = False,
    replaces: Sequence[str] = (),
    before: Callable[[], None] = lambda: None,
    told: Callable[[Step], None] = lambda step: None,
) -> Report:
    """Write all objects of `files`, the flow's token, and the webhook's secret where it is ours and absent.

    `client` is a `kubernetes.client.ApiClient`. What an earlier `create` made for the flow and this one no longer
    mentions is deleted, and so are the deployments that it `replaces`. `before` is called when nothing speaks against
    the deployment any more, `told` with each step when it is done. Raises DiagnosticError: FT705 where a start of
    upstream's deployment would change, unless `accept_changes`.
    """
    wanted = deployment(
        files, deployed_name, production_token, token_is_chosen=token_is_chosen, about=about, replaces=replaces
    )
    return create_all(
        [wanted],
        settings,
        about=[about] if about else [],
        client=client,
        accept_changes=accept_changes,
        before=before,
        told=told,
    )


def create_all(
    wanted: Sequence[Deployment],
    settings: Settings,
    *,
    about: Sequence[About] = (),
    client: Any = None,
    accept_changes: bool = False,
    before: Callable[[], None] = lambda: None,
    told: Callable[[Step], None] = lambda step: None,
    looked: Cluster | None = None,
) -> Report:
    """`create` of several flows that share one configuration, as one plan.

    `looked` answers for the first plan what was seen a while ago, and is told what is written.
    """
    api = Cluster.of(client) if looked is None else Cluster(looked.client)

    def next_plan(raced: bool) -> Plan:
        found = plan_create(api if raced else looked or api, wanted, settings, _new_secret, raced=raced)
        changed = changes(found, about, settings)
        if changed and not accept_changes:
            raise DiagnosticError([would_change(changed)])
        for each in about[:1]:
            each.remark(found.remarks)
        return found

    return _settle(looked or api, next_plan, before, told)


def delete(
    deployed_name: str,
    settings: Settings,
    *,
    shared: bool = False,
    client: Any = None,
    told: Callable[[Step], None] = lambda step: None,
    looked: Cluster | None = None,
) -> Report:
    """Delete what `create` made for the flow, or upstream did. Whatever lacks our labels stays.

    With `shared` what all flows share goes too; raises DiagnosticError(FT708) while another flow is left.
    """
    api = looked or Cluster.of(client)
    return _settle(api, lambda _: plan_delete(api, deployed_name, settings, shared=shared), lambda: None, told)


def production_token(deployed_name: str, settings: Settings, *, client: Any = None) -> str | None:
    """The token under which the flow is deployed, or None."""
    found = Cluster.of(client).get("Secret", settings.kubernetes_namespace, names.token_secret(deployed_name))
    return secret_text(found)


def _settle(
    api: Cluster, next_plan: Callable[[bool], Plan], before: Callable[[], None], told: Callable[[Step], None]
) -> Report:
    """Plan, rehearse and execute until there is nothing left to do: another `create` may work on the same objects, also
    on those that this one has done with."""
    done: dict[tuple[str, str, str], Step] = {}
    try:
        return _until_nothing_is_left(api, next_plan, before, told, done)
    except DiagnosticError as error:
        changed = (str(step) for step in done.values() if step.instructions)
        raise half_way(error, changed, "the deployment") from error


def _until_nothing_is_left(
    api: Cluster,
    next_plan: Callable[[bool], Plan],
    before: Callable[[], None],
    told: Callable[[Step], None],
    done: dict[tuple[str, str, str], Step],
) -> Report:
    def tell(step: Step) -> None:
        where = (step.kind, step.namespace, step.name)
        if where not in done or (done[where].verb, step.verb) == ("unchanged", "updated"):
            done[where] = step
            told(step)

    problem: Diagnostic | None = None
    ready = False
    for number in range(_ROUNDS):
        if problem or number > 1:
            time.sleep(random.uniform(0.5, 1.5) * min(0.1 * 2**number, 3.0))  # noqa: S311 - two must not keep step
        found = next_plan(number > 0)
        if number and found.same:
            return Report(tuple(done.values()))
        problem = None
        try:
            rehearse(api, found)
            if not ready:
                before()
                ready = True
            execute(api, found, tell)
        except Superseded as superseded:
            problem = superseded.problem
        if found.same:
            return Report(tuple(done.values()))
    raise DiagnosticError([problem or _restless(found)])


def _restless(found: Plan) -> Diagnostic:
    what = sorted({f"{item.kind} {item.namespace}/{item.name}" for item in found.instructions})
    return Diagnostic(
        "FT704",
        "objects keep changing while they are deployed",
        notes=(", ".join(what[:5]),),
        helps=("repeat the command when no other deployment of this flow is under way",),
    )


def _new_secret() -> str:
    import secrets

    return secrets.token_urlsafe(32)


def would_change(lines: Sequence[str]) -> Diagnostic:
    """FT705: what would start otherwise than it does."""
    message = "Metaflow deployed this flow, and create would change what starts it"
    helps = (
        "say in the flow what is meant (`require=`, a mapping, a prefix in the configuration)",
        "or give --accept-changes",
    )
    return Diagnostic("FT705", message, notes=tuple(lines), helps=helps)


def _missing(name: str) -> Diagnostic:
    if name.startswith("CodePackage"):
        return Diagnostic(
            "FT002",
            "the deployment needs a code package, and these objects were compiled without one",
            helps=("compile without --no-code-package",),
        )
    setting = SETTINGS.get(name, name)
    return Diagnostic(
        "FT002", f"the setting {setting} is missing, and the deployment needs it", helps=(f"set {setting}",)
    )
