"""Deployer: what the commands `create`, `diff --live` and `delete` ask of this backend.

In:   the compiled files, settings, Metaflow's click state.
Out:  text for people; DiagnosticError.

Not here: the requests (`plan.py`, `execute.py`) and tokens' rules (upstream's, through `metaflow_triggers.seams`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .... import seams
from ....diagnostics import Diagnostic, DiagnosticError
from ....diagnostics.ours import our_mistakes
from ....manifests.schemas import findings
from ....manifests.text import json_text, yaml_text
from ....model.flows import Flow
from ....model.marks import Marks
from ....model.settings import Settings
from ...inventory import Deployed
from ...plans import say, total
from ...shape import About
from .. import SPEC
from ..compile.lower import FLOW
from ..compile.open_settings import used
from ..compile.parameters import parameters
from . import converge, policies
from .calls import Clients
from .drift import words
from .instructions import Place, Plan
from .inventory import inventory as of_project
from .inventory import marks_now as marks_of
from .ownership import refuse
from .plan import where
from .polled import refuse_left_out
from .preflight import missing_things
from .state_machines import flow_of, production_token, read_machine
from .waiting import in_words

SAYS = ()
"""Compiling tells all."""

NO_TOKEN = "made-by-create"  # noqa: S105 - stands for a token where there is none yet


def one_document(files: Iterable[Any]) -> str:
    """The flow's template as JSON text."""
    return json_text(next(file.content for file in files))


def additional_info(files: Sequence[Any]) -> dict[str, Any]:
    """Metaflow's Deployer API reads nothing more."""
    return {}


def document(show: str, files: Sequence[Any], settings: Settings, flow: Flow) -> str:
    """What `compile --show policies|retained` prints."""
    return {"policies": _policies, "retained": _retained}[show](files, settings, flow)


def _policies(files: Sequence[Any], settings: Settings, flow: Flow) -> str:
    """The IAM roles of the flow as a template: for who manages roles by hand. Raises DiagnosticError (FT601)."""
    document = policies.policies(next(file.content for file in files), settings, emits=bool(flow.emits))
    broken = findings(document, policies.SCHEMA)
    wrong = our_mistakes("the roles", (f"violate their schema at {pointer}: {message}" for pointer, message in broken))
    if wrong:
        raise DiagnosticError(wrong)
    return yaml_text(document)


def _retained(files: Sequence[Any], settings: Settings, flow: Flow) -> str:
    """Table and queue of the flow as a template: a stack is made again around them by importing it.

    Raises DiagnosticError (FT005) where the flow has neither.
    """
    whole = next(file.content for file in files)
    kept = {name: item for name, item in whole["Resources"].items() if item.get("UpdateReplacePolicy") == "Retain"}
    if not kept:
        message = "a stack of this flow leaves nothing behind: its template has neither a table of sets nor a queue"
        raise DiagnosticError([Diagnostic("FT005", message, helps=("deploy the whole template",))])
    names = used(kept)
    asked = {name: item for name, item in whole.get("Parameters", {}).items() if name in names}
    head = {key: item for key, item in whole.items() if key not in ("Parameters", "Mappings", "Resources")}
    return yaml_text(head | ({"Parameters": asked} if asked else {}) | {"Resources": kept})


def missing_settings(files: Iterable[Any], settings: Settings) -> list[Diagnostic]:
    """FT002 for each setting that the template needs and configuration does not give."""
    known = {"ProductionToken": "", "CodePackageSha": "", "CodePackagePath": ""}  # made by `create` itself
    found = [item for file in files for item in converge.missing_values(file.content, known, settings)]
    return list({item.helps: item for item in reversed(found)}.values())[::-1]  # one setting may fill two parameters


def resolve_token(obj: Any, options: dict[str, Any]) -> str:
    """The production token of the deployment, by upstream's rules, which also say who may replace another."""
    for name in options.get("replaces") or ():
        seams.check_token(obj, SPEC.upstream, name, options.get("authorize"), existing)
    return seams.resolve_token(obj, SPEC.upstream, obj.state_machine_name, options, existing)


def check_token(obj: Any, options: dict[str, Any]) -> None:
    """Raise DiagnosticError(FT123) unless the caller may delete the deployment."""
    seams.check_token(obj, SPEC.upstream, obj.state_machine_name, options.get("authorize"), existing)


def existing(name: str, clients: Clients | None = None) -> tuple[str | None, str | None] | None:
    """Owner and production token of what is deployed under `name`, or None. Raises DiagnosticError(FT703)."""
    found = read_machine(where(name, clients or Clients()), name)
    if found is None or found.deleting:
        return None
    if flow_of(found.definition) is None:
        raise refuse(f"the state machine {name}")
    return flow_of(found.definition, "metaflow.owner"), flow_of(found.definition, "metaflow.production_token")


def plan(files: Sequence[Any], settings: Settings, *, deployed_name: str, about: About) -> str:
    """What `create` would do, call by call."""
    found, _ = _plan(files, settings, deployed_name, about)
    warnings = "".join(f"{line}\n" for line in found.changes)
    return f"{warnings}{found}\n"


def drift(
    files: Sequence[Any], settings: Settings, *, deployed_name: str, full: bool, about: About
) -> tuple[bool, str]:
    """(whether the account is as the flow is written, what differs in words)."""
    found, token = _plan(files, settings, deployed_name, about)
    return found.same and not found.changes, words(found, token, full=full)


def _plan(files: Sequence[Any], settings: Settings, deployed: str, about: About) -> tuple[Plan, str | None]:
    template = next(file.content for file in files)
    token = production_token(_place(deployed))
    found = converge.plan(template, {"ProductionToken": token or NO_TOKEN}, settings)
    refuse_left_out(found, about)
    return found, token


def _place(deployed: str) -> Place:
    return where(deployed, Clients())


def create(
    files: Sequence[Any],
    settings: Settings,
    *,
    deployed_name: str,
    token: str,
    options: dict[str, Any],
    upload: Callable[[], None],
    about: About,
) -> str:
    """Deploy the template; says each thing when it is done, returns the sum of it.

    `upload` brings the code package to the datastore: called when nothing speaks against the deployment any more.
    """
    template = next(file.content for file in files)
    if options.get("log_execution_history"):
        template = logged(template)
    missing = missing_things(template, settings, Clients())
    if missing:
        raise DiagnosticError(missing)
    done = converge.create(
        template,
        {"ProductionToken": token},
        settings,
        accept_changes=bool(options.get("accept_changes")),
        replaces=tuple(options.get("replaces") or ()),
        judge=lambda found: refuse_left_out(found, about),
        before=upload,
        told=say,
    )
    return in_words(done) + total((step.verb for step in done), "nothing to do: everything is deployed as it is")


def logged(template: dict[str, Any]) -> dict[str, Any]:
    """The template with what --log-execution-history asks for, as upstream does it (step_functions_client.py:102)."""
    group = seams.configured("SFN_EXECUTION_LOG_GROUP_ARN")
    if not group:
        what = "--log-execution-history needs a log group, and none is configured"
        raise DiagnosticError([Diagnostic("FT002", what, helps=("set METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN",))])
    machine = template["Resources"][FLOW]
    logging = {
        "Level": "ALL",
        "IncludeExecutionData": True,
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": group}}],
    }
    machine = machine | {"Properties": machine["Properties"] | {"LoggingConfiguration": logging}}
    return template | {"Resources": template["Resources"] | {FLOW: machine}}


def many(settings: Settings) -> Any:
    """What deploys many flows, with one look at the account (`backends.many.Many`)."""
    from .many import Account

    return Account(settings)


def delete(
    deployed_name: str, settings: Settings, *, flow: str, steps: Iterable[str], drop_waiting: bool = False
) -> str:
    """Remove what `create` made; says each thing when it is done, returns the sum of it, and what waits where."""
    done = converge.delete(deployed_name, flow=flow, steps=steps, drop_waiting=drop_waiting, told=say)
    return in_words(done) + total((step.verb for step in done), "nothing to do")


def inventory(
    project: str, settings: Settings, counted: Callable[[Deployed], bool] = lambda item: True
) -> list[Deployed]:
    """What the account has of a project. Raises DiagnosticError."""
    return of_project(project, Clients(), counted)


def marks_now(name: str, settings: Settings) -> tuple[Marks | None, bool]:
    """(whose the deployment is at this moment, whether it is there)."""
    return marks_of(name, Clients())


def configured(files: Sequence[Any], settings: Settings) -> list[Any]:
    """The files with values for the parameters that their templates leave open, as CloudFormation is given them."""
    known = {item.name: item.default for item in parameters(settings) if item.default is not None}
    out = []
    for file in files:
        given = {
            name: item if "Default" in item or name not in known else {**item, "Default": known[name]}
            for name, item in file.content.get("Parameters", {}).items()
        }
        content = {**file.content, **({"Parameters": given} if given else {})}
        out.append(dataclasses.replace(file, content=content))
    return out
