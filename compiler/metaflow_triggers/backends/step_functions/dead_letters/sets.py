"""Sets: a whole set of events that could not start the flow, started now.

In:   what is deployed of the flow, a letter with where the set's events are.
Out:  `Sent`.

Not here: single events of a set (`send`). The correlator had claimed the set and let it go into the letter
(`compile.correlator`, `KeepSet`), so its table has it no more: what is left to do are its last two steps, with the
values of its own definition and under the same name.
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.contract import exact_json

from ....dead_letters.letter import KNOWN, STARTED, STAYS, UNSURE, Sent
from ..compile.actions import run_of
from ..deploy.calls import absent, calling
from .machines import Deployment, Machine, is_started
from .read import Found

_FORMAT = "States.Format('"


def send_set(found: Deployment, item: Found) -> Sent:
    """Raises DiagnosticError."""
    place = found.place
    marks = [ref.rpartition("/")[2].removesuffix(".json") for ref in item.refs]
    run = run_of(place.deployed, *marks)
    if is_started(place, run):
        return Sent(item.letter, KNOWN, run)
    machines = [one for one in found.machines if one.claims == len(marks)]
    documents = {exact_json.dumps(_document(one, item)) for one in machines}
    if len(documents) != 1:
        why = "no set of what is deployed has so many events" if not machines else "two sets have so many events"
        return Sent(item.letter, STAYS, f"{why}: send the events again by themselves")
    store = machines[0].states["Store"]["Parameters"]
    key = _filled(store["Key.$"], run)
    uri = _filled(machines[0].states["Start"]["Parameters"]["Input"]["MetaflowTrigger"]["uri.$"], run)
    more = {name: value for name, value in store.items() if name in ("ContentType", "ServerSideEncryption")}
    if "SsekmsKeyId" in store:
        more["SSEKMSKeyId"] = store["SsekmsKeyId"]
    with calling("s3:PutObject", uri):
        place.clients["s3"].put_object(Bucket=store["Bucket"], Key=key, Body=documents.pop().encode("utf-8"), **more)
    text = exact_json.dumps({"Parameters": "{}", "MetaflowTrigger": {"uri": uri}})
    asked = {"stateMachineArn": place.arn("states", f"stateMachine:{place.deployed}"), "name": run, "input": text}
    with calling("states:StartExecution", place.deployed):
        absent(lambda: place.clients["stepfunctions"].start_execution(**asked), "ExecutionAlreadyExists")
    return Sent(item.letter, STARTED if is_started(place, run) else UNSURE, run)


def _document(machine: Machine, item: Found) -> dict[str, Any]:
    body: dict[str, Any] = machine.states["Store"]["Parameters"]["Body"]
    static = {name: value for name, value in body.items() if name != "events.$"}
    return static | {"events": [{"transport": "eventbridge", "uri": ref} for ref in item.refs]}


def _filled(expression: str, run: str) -> str:
    """`States.Format('.../sfn-{}.json', $.set.run)` with the run's name."""
    text = expression.removeprefix(_FORMAT).rpartition("', ")[0]
    return text.replace("{}", run)
