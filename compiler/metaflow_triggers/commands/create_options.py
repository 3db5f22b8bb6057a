"""Create options: what `create` of one flow takes after its name, taken for many flows.

In:   the parser of a command, its parsed arguments.
Out:  options of the parser; `options.of_create`, pairs of an option and its value, which each flow's own command line
      parses; a refusal (exit code 2) of what is for one flow, or for a backend that is not at work.

Not here: what the options mean (Metaflow), which options of the command over many flows are its own (`cli`).
Metaflow's own options stand here a second time, because importing it to draw a parser takes a second; a test holds
this list against its.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

_SFN, _ARGO = "step-functions", "argo-workflows"

EACH: dict[str, tuple[str, str, str | None]] = {
    "tag": ("many", "of every run and its objects; may be repeated", None),
    "namespace": ("text", "of the runs, in place of the production token's", None),
    "max-workers": ("number", "tasks at once in a run (default: 100)", None),
    "workflow-timeout": ("number", "seconds that a run may take", None),
    "aws-batch-tag": ("many", "NAME=VALUE, of the jobs in AWS Batch; may be repeated", _SFN),
    "use-distributed-map": ("switch", "a distributed map in place of an inline map", _SFN),
    "compress-state-machine": ("switch", "keep the steps' commands in S3", _SFN),
    "workflow-priority": ("number", "of the workflows", _ARGO),
    "auto-emit-argo-events": ("switch", "an event at the end of a run that succeeds", _ARGO),
    "notify-on-error": ("switch", "tell when a run fails", _ARGO),
    "notify-on-success": ("switch", "tell when a run succeeds", _ARGO),
    "notify-slack-webhook-url": ("text", "where it is told", _ARGO),
    "notify-pager-duty-integration-key": ("text", "where it is told", _ARGO),
    "notify-incident-io-api-key": ("text", "where it is told", _ARGO),
    "incident-io-alert-source-config-id": ("text", "where it is told", _ARGO),
    "incident-io-metadata": ("many", "KEY=VALUE that is told; may be repeated", _ARGO),
    "enable-heartbeat-daemon": ("switch", "a container that tells that a run is alive", _ARGO),
    "enable-error-msg-capture": ("switch", "keep the error of the first task that failed", _ARGO),
}
"""Option of every flow's `create`: what it takes, what it says, the backend that alone has it (None: both)."""

_ONE = "`python FILE BACKEND create"
ONE_FLOW = {
    "name": f"the name of one deployment: {_ONE}` of a flow has it before `create`",
    "replaces": f"one flow stands for another deployment: {_ONE} --replaces NAME`, or `create --prune` for all",
    "only-json": f"one document: {_ONE} --only-json`, or `metaflow-triggers compile` for all",
    "deployer-attribute-file": f"what Metaflow's Deployer reads of one flow: {_ONE} --deployer-attribute-file FILE`",
    "workflow-title": f"the title of one flow: {_ONE} --workflow-title TEXT`",
    "workflow-description": f"the text of one flow: {_ONE} --workflow-description TEXT`",
}
"""Options that mean one flow, and what to type in their place."""
OWN = frozenset({"authorize", "generate-new-token", "new-token", "log-execution-history"})
"""Those of Metaflow's that `create` over many flows has itself."""

LOG = "log-execution-history"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options. Whoever adds them has `prove` look at what was given."""
    group = parser.add_argument_group(
        "options of create", "what stands after `create` in `python flow.py`, for each flow"
    )
    for name, (kind, text, backend) in EACH.items():
        said = f"{text} ({backend})" if backend else text
        flag = f"--{name}"
        if kind == "switch":
            both = (flag, f"--no-{name}")
            group.add_argument(*both, dest="of_create", action=_Kept, nargs=0, default=(), help=said)
        else:
            kinds: Any = int if kind == "number" else str
            metavar = {"number": "N", "many": "TAG" if "tag" in name else "KEY=VALUE"}.get(kind, "TEXT")
            group.add_argument(flag, dest="of_create", action=_Kept, type=kinds, metavar=metavar, default=(), help=said)
    for name in ONE_FLOW:
        group.add_argument(f"--{name}", dest="of_one", action=_Kept, nargs="?", default=(), help=argparse.SUPPRESS)
    parser.set_defaults(refuse=parser.error)


class _Kept(argparse.Action):
    """Keeps option and value as they were typed, in order."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        before: Sequence[tuple[str, str | None]] = getattr(namespace, self.dest) or ()
        value = None if self.nargs == 0 or values is None else str(values)
        setattr(namespace, self.dest, (*before, (option or "", value)))


def prove(options: argparse.Namespace) -> None:
    """Refuse what is for one flow, and what no backend at work has."""
    for flag, _ in getattr(options, "of_one", ()):
        options.refuse(f"{flag} is for one flow: {ONE_FLOW[flag.removeprefix('--')]}")
    given = [flag for flag, _ in getattr(options, "of_create", ())]
    given += [f"--{LOG}"] if getattr(options, "log_execution_history", False) else []
    for flag in given:
        backend = _backend(flag)
        if backend and options.backend and backend not in options.backend:
            options.refuse(f"{flag} is for {backend}, and this command is for {', '.join(options.backend)}")
        if getattr(options, "reviewed", None):
            options.refuse(f"{flag} changes what is compiled, and --from deploys a folder as it is")


def _backend(flag: str) -> str | None:
    name = flag.removeprefix("--")
    if name == LOG:
        return _SFN
    return EACH[name if name in EACH else name.removeprefix("no-")][2]
