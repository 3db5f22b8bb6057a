"""What is pruned of random accounts: all that is certainly of this project, branch and user, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.backends.inventory import Deployed, Scope, Unread, plan_prune, scope
from metaflow_triggers.model.flows import Flow
from metaflow_triggers.model.marks import Marks, branch_name, marks

from tests.settings import OPEN

from .step_functions.samples import BARE_FLOW

BACKEND = "argo-workflows"
NAMES = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Command:
    """Who deploys, from where: all that tells one deployment of a flow from another's."""

    project: str
    user: str
    branch: str | None
    production: bool

    def flow(self, name: str) -> Flow:
        """Flows `A` and `B` have @project, the others not."""
        if name > "B":
            return replace(BARE_FLOW, name=name)
        branch = branch_name(self.branch, self.production, self.user)
        return replace(BARE_FLOW, name=name, project="team", branch=branch)

    def deployed(self, name: str) -> str:
        flow = self.flow(name)
        return name if flow.project is None else f"team.{flow.branch}.{name}"

    def deploy(self, name: str) -> Deployed:
        said = replace(OPEN, project_id=self.project, user=self.user, production=self.production, branch=self.branch)
        found = marks(self.flow(name), said)
        assert found is not None
        return Deployed(BACKEND, self.deployed(name), name, found)

    def scope(self, whole: bool) -> Scope:
        return scope(self.project, branch=self.branch, production=self.production, user=self.user, whole=whole)


COMMANDS = st.builds(
    Command,
    st.sampled_from(["shop", "shop-2"]),
    st.sampled_from(["ada", "bob", "ada@example.org"]),
    st.sampled_from([None, "ada", "staging", "hotfix"]),
    st.booleans(),
)
FLOWS = st.sets(st.sampled_from(NAMES))
UNREAD = st.builds(Unread, st.frozensets(st.sampled_from(NAMES), max_size=2), st.sampled_from([(), (), ("x.py",)]))


CASES = st.tuples(
    st.lists(COMMANDS, min_size=3, max_size=4, unique=True), FLOWS, UNREAD, st.sampled_from([True, True, False])
)


@settings(max_examples=60, deadline=None)
@given(st.data(), CASES)
def test_what_goes_is_what_this_command_deployed_and_has_no_more(data: Any, case: Any) -> None:
    what_goes_is_certain(data, *case)


@pytest.mark.long
@settings(max_examples=5000, deadline=None)
@given(st.data(), CASES)
def test_what_goes_is_certain_in_many_accounts(data: Any, case: Any) -> None:
    what_goes_is_certain(data, *case)


def what_goes_is_certain(data: Any, commands: list[Command], repository: set[str], unread: Unread, whole: bool) -> None:
    """Several commands deploy, the last one has an object; then the first one prunes what its repository lacks."""
    mine = commands[0]
    before = data.draw(st.lists(st.tuples(st.sampled_from(commands), FLOWS), max_size=6))
    account: dict[str, tuple[Command, str, Deployed]] = {}
    for command, flows in before:
        for name in flows:
            account[command.deployed(name)] = (command, name, command.deploy(name))  # the last one has it
    for name in repository:
        account[mine.deployed(name)] = (mine, name, mine.deploy(name))
    wanted = {(BACKEND, mine.deployed(name)) for name in repository}
    rows = plan_prune([item for _, _, item in account.values()], wanted, unread, mine.scope(whole))
    gone = {row.deployed.name for row in rows if row.goes}
    certain = {
        deployed
        for deployed, (command, name, _) in account.items()
        if command == mine and name not in repository and whole and not unread.more and name not in unread.flows
    }
    assert gone == certain
    assert all(row.reason for row in rows)
    assert {row.deployed.marks.project for row in rows} <= {mine.project}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_marks_but_the_same_go(data: Any) -> None:
    """Marks as nobody may have written them: half, of two kinds, of one that was renamed."""
    words = st.sampled_from(["shop", "shop-2", "ada", "prod", "prod.x", "test.x", "user.ada", "", "true"])
    said = st.builds(Marks, words, st.one_of(st.none(), words), st.booleans(), words)
    items = [
        Deployed(BACKEND, f"d{number}", data.draw(st.sampled_from([None, "A"])), data.draw(said), (), whole, mixed)
        for number, (whole, mixed) in enumerate(
            data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=6))
        )
    ]
    mine = Command("shop", "ada", data.draw(st.sampled_from([None, "x"])), data.draw(st.booleans()))
    for row in plan_prune(items, set(), data.draw(UNREAD), mine.scope(True)):
        if row.goes:
            found = row.deployed.marks
            assert (found.project, found.user, found.production) == ("shop", "ada", mine.production)
            own = branch_name(mine.branch, mine.production, "ada")
            assert found.branch == own or (found.branch is None and mine.branch is None)
            assert not row.deployed.mixed


MINE = Command("shop", "ada", None, False)
OLD = MINE.deploy("C")


@pytest.mark.parametrize(
    ("item", "unread", "whole", "reason"),
    [
        (OLD, Unread(), True, "no flow of the project has this name"),
        (OLD, Unread(), False, "these are not all paths of the project"),
        (OLD, Unread(frozenset({"C"})), True, "the flow C could not be read"),
        (OLD, Unread(more=("b.py",)), True, "it may be of b.py, which could not be read"),
        (replace(OLD, flow=None), Unread(frozenset({"X"})), True, "it may be of a file that could not be read"),
        (replace(OLD, mixed=True), Unread(), True, "its marks contradict each other"),
        (replace(MINE, user="bob").deploy("C"), Unread(), True, "deployed by bob"),
        (replace(MINE, branch="x").deploy("C"), Unread(), True, "of the branch test.x"),
        (replace(MINE, production=True).deploy("A"), Unread(), True, "of the branch prod"),
        (replace(MINE, production=True).deploy("C"), Unread(), True, "deployed with --production"),
    ],
)
def test_why_it_goes_or_stays(item: Deployed, unread: Unread, whole: bool, reason: str) -> None:
    (row,) = plan_prune([item], set(), unread, MINE.scope(whole))
    assert row.reason == reason
    assert row.goes is (reason == "no flow of the project has this name")


def test_a_flow_that_is_deployed_elsewhere_too_is_wanted_by_its_backend() -> None:
    (row,) = plan_prune([OLD], {("step-functions", OLD.name)}, Unread(), MINE.scope(True))
    assert row.goes
    assert plan_prune([OLD], {(BACKEND, OLD.name)}, Unread(), MINE.scope(True)) == ()
