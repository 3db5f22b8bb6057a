"""Parameters of a run: the texts that Metaflow's `init` gets, from the deployment, a person and the run's events.

In:   a flow, its datastore, the run's id; what stands in the environment and the arguments of the start step.
Out:  parameter -> text. Precedence: given by hand, then the event's, then the default.

Not here: converting values (`contract.parameter_values`), starting the flow (`launcher`). Only parameters that the
flow declares are used.
"""

from __future__ import annotations

import base64
import os
import sys
from typing import Any


def declared_parameters(flow: Any) -> dict[str, str]:
    """Name -> type (str, int, float, bool, json or file) of each parameter that is not a Config."""
    found = {}
    for _, parameter in flow._get_parameters():
        if parameter.IS_CONFIG_PARAMETER:
            continue
        found[parameter.name] = type_name(parameter.kwargs.get("type"))
    return found


def type_name(kind: Any) -> str:
    """Our word for the `type` of a Metaflow parameter (metaflow/parameters.py, `_get_type`)."""
    from metaflow.includefile import FilePathClass
    from metaflow.parameters import JSONTypeClass

    if isinstance(kind, JSONTypeClass) or kind in (dict, list):
        return "json"
    if isinstance(kind, FilePathClass):
        return "file"
    return {int: "int", float: "float", bool: "bool"}.get(kind, "str")


def of_step_functions(flow: Any, flow_datastore: Any, run_id: str, given: list[str]) -> dict[str, str]:
    from ..contract.words import STARTED_BY_EVENT
    from . import document

    declared = declared_parameters(flow)
    texts = _texts(_json_object("METAFLOW_DEFAULT_PARAMETERS"), declared)
    if STARTED_BY_EVENT.fullmatch(run_id):
        found = _or_refuse(document.read, flow_datastore, flow.name, run_id)
        if found is None:
            raise _refusal(f"run {run_id} was started by an event, but its trigger document is not in the datastore")
        texts.update(from_events(found, declared))
    texts.update(_texts(_json_object("METAFLOW_PARAMETERS"), declared))
    return allow(texts)


def of_argo_workflows(flow: Any, flow_datastore: Any, run_id: str, given: list[str]) -> dict[str, str]:
    from . import argo_source, document
    from .internal_decorators import is_triggered

    declared = declared_parameters(flow)
    # A value given by hand and a default look alike here; a run started by an event has defaults only.
    texts = _texts(_argo_arguments(given), declared)
    if is_triggered(flow):
        found = _or_refuse(argo_source.read_document, os.environ.get("METAFLOW_TRIGGERS_KUBERNETES_URL"))
        if found is not None:
            document.write(flow_datastore, flow.name, run_id, found)
            texts.update(from_events(found, declared))
    return allow(texts)


def _argo_arguments(given: list[str]) -> dict[str, Any]:
    from ..contract.exact_json import loads

    found = {}
    for item in given:
        name, _, encoded = item.split(",", 2)
        text = base64.b64decode(encoded).decode("utf-8")
        try:
            found[name] = loads(text)
        except ValueError:
            found[name] = text  # as metaflow/plugins/argo/set_parameters.py
    return found


def _json_object(variable: str) -> dict[str, Any]:
    from ..contract.exact_json import loads

    try:
        value = loads(os.environ.get(variable) or "{}")
    except ValueError as error:
        raise _refusal(f"{variable} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _refusal(f"{variable} is not a JSON object")
    return value


def _texts(values: dict[str, Any], declared: dict[str, str]) -> dict[str, str]:
    """Texts of values that a person or the deployment gave; null counts as not given."""
    from ..contract.exact_json import dumps

    named = {name.lower(): name for name in declared}
    return {
        named[name.lower()]: value if isinstance(value, str) else dumps(value)
        for name, value in values.items()
        if name.lower() in named and value is not None
    }


def from_events(found: dict[str, Any], declared: dict[str, str]) -> dict[str, str]:
    """Texts of the parameters that a document's events give. Raises MetaflowException for what does not fit."""
    from ..contract.parameter_values import parameters_for

    return _or_refuse(parameters_for, found, declared)  # type: ignore[no-any-return]


def _or_refuse(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        raise _refusal(str(error)) from None


def _refusal(message: str) -> Exception:
    from metaflow.exception import MetaflowException

    error = MetaflowException(message.replace("*", "\u2217"))  # Metaflow prints * as highlighting
    error.headline = "The event does not fit this flow"
    return error


def allow(texts: dict[str, str]) -> dict[str, str]:
    """Let this process convert integers of any length."""
    # Python refuses to convert more than 4,300 digits; a parameter may have more. This process runs `init` only.
    if any(len(text) > 4000 for text in texts.values()) and hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    return texts
