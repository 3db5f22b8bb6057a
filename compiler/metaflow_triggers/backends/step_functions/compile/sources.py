"""Sources: on whose behalf a service of AWS may take a role of ours (`aws:SourceArn` of its trust policy).

In:   deployed name, names of the machines, buses, schedule group that use the role.
Out:  patterns of ARNs, as text with CloudFormation's pseudo parameters in it.

Not here: what a role may do. Each service's documentation ("confused deputy") says which ARN it names: EventBridge the
rule's, its Scheduler the group's, Step Functions the state machine's, ECS anything of the account.
"""

from __future__ import annotations

from collections.abc import Iterable

from .names import rule_prefix

_HERE = "${AWS::Region}:${AWS::AccountId}:"
_ROOM = 1_200
"""Characters: a trust policy has 2,048 by default quota, and its other parts take some of them."""

TASKS = (f"arn:${{AWS::Partition}}:ecs:{_HERE}*",)


def machine_sources(names: Iterable[str]) -> tuple[str, ...]:
    """State machines; any of the account where their names do not fit a trust policy."""
    return _fitting((_machine(name) for name in names), _machine("*"))


def workflow_sources(deployed: str) -> tuple[str, ...]:
    """The flow's own state machine, and the executions that its distributed maps begin in its name."""
    return _machine(deployed), _machine(f"{deployed}/*")


def rule_sources(deployed: str, buses: Iterable[str]) -> tuple[str, ...]:
    """The flow's rules on those buses, by how their names begin: one rule more is no change of who may take a role."""
    paths = dict.fromkeys(bus.rpartition("event-bus/")[2] for bus in buses)
    begins = f"{rule_prefix(deployed)}-*"
    return _fitting((_rule(begins if bus == "default" else f"{bus}/{begins}") for bus in paths), _rule("*"))


def group_sources(group: str) -> tuple[str, ...]:
    return (f"arn:${{AWS::Partition}}:scheduler:{_HERE}schedule-group/{group}",)


def _machine(name: str) -> str:
    return f"arn:${{AWS::Partition}}:states:{_HERE}stateMachine:{name}"


def _rule(path: str) -> str:
    return f"arn:${{AWS::Partition}}:events:{_HERE}rule/{path}"


def _fitting(exact: Iterable[str], wide: str) -> tuple[str, ...]:
    found = tuple(exact)
    return found if sum(map(len, found)) <= _ROOM else (wide,)
