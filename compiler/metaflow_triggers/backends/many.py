"""Many: the deployment of many flows to one cloud, which is asked once what it has.

In:   flows with their files (`Wanted`), the choices of the command.
Out:  `Planned` for each: what would be done, or was; the shape `Many` of what a backend offers for that.

Not here: which flows, their order, what is said (`deploying`). A backend whose deployer has no `many` is asked flow by
flow (`OneByOne`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..model.settings import Settings
from .shape import About, Deployer

CREATED, CHANGED, DELETED, UNCHANGED, KEPT = "created", "changed", "deleted", "unchanged", "kept"


@dataclass(frozen=True)
class Wanted:
    """A flow that shall be deployed, or be so no more.

    `name` is the deployed one, `flow` the flow's own. `files` are the flow's and those that all flows share; `about` is
    None where it is to be deleted. `state` is what production tokens' rules ask (`seams.click_state`), `upload` brings
    to the datastore what the files refer to, `steps` are names.
    """

    name: str
    flow: str
    files: tuple[Any, ...]
    about: About | None
    state: Any
    upload: Callable[[], None]
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thing:
    """An object of the cloud in a plan: what it is called there, what happens to it, and how it differs, in words."""

    verb: str
    noun: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """What would be done for a flow, or was.

    `starts` says what starts it differently; `things` are its own objects that would not stay as they are, `shared`
    those of all flows; `notes` say what else is to be known, such as events that wait. `seen` is what the cloud has of
    it, as a JSON value without anything secret, or None where the backend cannot tell.
    """

    verb: str
    starts: tuple[str, ...] = ()
    things: tuple[Thing, ...] = ()
    shared: tuple[Thing, ...] = ()
    notes: tuple[str, ...] = ()
    seen: Any = None


class Many(Protocol):
    """What a deployer's `many(settings)` gives. Everything may raise DiagnosticError: `look` for all flows, the
    rest for the flow that is meant. Nothing but `create` and `delete` changes anything in the cloud.

    Where `create` leaves it to somebody to look whether all has come out, it is a `Confirming`."""

    def look(self, wanted: Sequence[Wanted]) -> None:
        """See what the cloud has of these flows, in as few requests as it can be asked."""

    def goes_before(self, wanted: Sequence[Wanted]) -> frozenset[str]:
        """Deployed names of flows that have to be there before those which wait for their outcomes, not after."""

    def plan(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        """What `create` would do."""

    def create(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        """Deploy it, by the rules of production tokens."""

    def plan_delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        """What `delete` would do."""

    def delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        """Remove what `create` made, by the rules of production tokens."""


@runtime_checkable
class Confirming(Protocol):
    """What a `Many` may offer besides: one look at all that was carried out, in place of one for each flow."""

    def look_again(self, wanted: Sequence[Wanted]) -> None:
        """See what the cloud has of these flows now."""

    def confirm(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        """All that was done for a flow, what is still left of it included, which is done first."""


class OneByOne:
    """Of a deployer that knows single flows only."""

    def __init__(self, deployer: Deployer, settings: Settings) -> None:
        self._deployer, self._settings = deployer, settings

    def look(self, wanted: Sequence[Wanted]) -> None:
        """It is asked when a flow is planned."""

    def goes_before(self, wanted: Sequence[Wanted]) -> frozenset[str]:
        return frozenset()

    def plan(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        about = _about(one)
        same, text = self._deployer.drift(
            one.files, self._settings, deployed_name=one.name, full=bool(choices.get("full")), about=about
        )
        if same:
            return Planned(UNCHANGED)
        return Planned(CHANGED, things=tuple(Thing("updated", line) for line in text.splitlines()))

    def create(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        token = self._deployer.resolve_token(one.state, dict(choices))
        done = self._deployer.create(
            one.files,
            self._settings,
            deployed_name=one.name,
            token=token,
            options=dict(choices),
            upload=one.upload,
            about=_about(one),
        )
        return Planned(CHANGED, notes=tuple(done.splitlines()))

    def plan_delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        plan: Any = getattr(self._deployer, "plan_delete", None)
        lines = plan(one.name, self._settings).splitlines() if plan else [f"whatever `create` made of {one.name}"]
        return Planned(DELETED, things=tuple(Thing("deleted", line) for line in lines))

    def delete(self, one: Wanted, choices: Mapping[str, Any]) -> Planned:
        self._deployer.check_token(one.state, dict(choices))
        done = self._deployer.delete(one.name, self._settings, flow=one.flow, steps=one.steps)
        return Planned(DELETED, notes=tuple(done.splitlines()))


def _about(one: Wanted) -> About:
    assert one.about is not None, "only what is deployed has files"
    return one.about


def many_of(deployer: Any, settings: Settings) -> Many:
    """What deploys many flows by this deployer."""
    made: Any = getattr(deployer, "many", None)
    found: Many = made(settings) if made else OneByOne(deployer, settings)
    return found
