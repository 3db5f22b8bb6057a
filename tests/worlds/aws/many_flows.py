"""Many flows on an emulated account, as `metaflow-triggers create` and `delete` deploy them.

In:   flows of the model, a maker of clients.
Out:  a `Part`, which plans and carries out.

Not here: reading flows, code packages, what is typed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from typing import Any

from metaflow_triggers import seams
from metaflow_triggers.backends.many import Wanted
from metaflow_triggers.backends.shape import About
from metaflow_triggers.backends.step_functions import SPEC
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.deploy.many import Account
from metaflow_triggers.deploying.run import Part

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import CONFIGURED, WORKFLOW, event, finish, flow, trigger

FLOWS = [
    flow("Report", trigger(finish("Train"))),
    flow("Train", trigger(finish("Ingest", "failure", "success"))),
    flow("Ingest", trigger(event("order-placed"))),
]
"""In the order in which they are deployed."""


def files(item: Any, memory: str = "4096") -> tuple[Any, ...]:
    """The flow's template; `memory` is of its steps."""
    workflow = json.loads(json.dumps(WORKFLOW).replace("OrderFlow", item.name).replace("4096", memory))
    return tuple(step_functions.manifests(item, GRAPH, workflow, CONFIGURED))


def wanted(item: Any, told: Callable[[str], None] = lambda text: None, **more: Any) -> Wanted:
    """One flow. `told` gets what is said of its token."""
    state = seams.click_state(SPEC.upstream, item, item.name, told)
    about = About(item, {}, lambda model: [], list)
    return Wanted(item.name, item.name, files(item, **more), about, state, lambda: None, ("start", "end"))


def to_delete(item: Any) -> Wanted:
    """The same for `delete`."""
    return dataclasses.replace(wanted(item), files=(), about=None)


def part(client: Callable[[str], Any], flows: Iterable[Wanted]) -> Part:
    """Of the account that the clients ask."""
    chosen = tuple(flows)
    many = Account(CONFIGURED, Clients(client))
    many.look(chosen)
    return Part("step-functions", many, tuple((one.flow, one) for one in chosen))


def settings_are_there(client: Callable[[str], Any]) -> None:
    """Make what the settings name: `create` asks for it before it changes anything."""
    role = client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client("iam").create_role(RoleName="job", AssumeRolePolicyDocument="{}")
    client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    batch = client("batch")
    where = batch.create_compute_environment(
        computeEnvironmentName="any", type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": where}]
    batch.create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)
