"""A template of ours as CloudFormation would make it: parameters filled in, resources referred to by their ARNs.

In:   the template, values for parameters without a default.
Out:  the flow's state machine and, for each step, its job definition in the spelling of RegisterJobDefinition.

Not here: the code under test (which has a resolver of its own).
"""

from __future__ import annotations

import re
from typing import Any

from .emulated_aws import ACCOUNT, REGION

_FREE = {"Tags", "Parameters", "Options"}  # their keys are the user's


def resolved(template: Any, given: dict[str, str]) -> dict[str, Any]:
    values = {"AWS::Region": REGION, "AWS::Partition": "aws", "AWS::AccountId": ACCOUNT}
    for mapping, rows in template.get("Mappings", {}).items():
        values |= {f"{mapping}/{row}/{key}": item for row, found in rows.items() for key, item in found.items()}
    for name, parameter in template.get("Parameters", {}).items():
        values[name] = parameter.get("Default", given.get(name))
        assert values[name] is not None, f"no value for parameter {name}"
    definitions = {}
    for logical, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Batch::JobDefinition":
            name = resource["Properties"]["JobDefinitionName"]
            values[logical] = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/{name}:1"
            definitions[values[logical]] = _camel(_resolve(resource["Properties"], values))
    machines = [item["Properties"] for item in template["Resources"].values() if "DependsOn" not in item]
    (machine,) = [
        item for item in machines if "Definition" in item and item.get("StateMachineType", "STANDARD") == "STANDARD"
    ]
    definition = _resolve(machine["Definition"], values)
    return {
        "definition": definition,
        "job_definitions": {step: definitions[arn] for step, arn in sorted(steps(definition).items())},
    }


def steps(machine: Any) -> dict[str, str]:
    """Step name -> job definition, of all states at every depth."""
    out: dict[str, str] = {}
    for name, state in machine["States"].items():
        if "JobDefinition" in state.get("Parameters", {}):
            out[name] = state["Parameters"]["JobDefinition"]
        for inner in [*state.get("Branches", []), state.get("Iterator"), state.get("ItemProcessor")]:
            if inner:
                out.update(steps(inner))
    return out


def _resolve(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return values[value["Ref"]]
    if set(value) == {"Fn::Sub"}:
        text, own = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
        known = values | {name: _resolve(item, values) for name, item in own.items()}
        return re.sub(r"\$\{(!?)([^}]*)\}", lambda found: f"${{{found[2]}}}" if found[1] else known[found[2]], text)
    if set(value) == {"Fn::FindInMap"}:
        return values["/".join(value["Fn::FindInMap"])]
    if set(value) == {"Fn::Select"}:
        place, (separator, text) = value["Fn::Select"][0], value["Fn::Select"][1]["Fn::Split"]
        return _resolve(text, values).split(separator)[place]
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return str(separator).join(_resolve(parts, values))
    assert not any(key.startswith("Fn::") for key in value), f"not resolved: {value}"
    return {key: _resolve(item, values) for key, item in value.items()}


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key[:1].lower() + key[1:]: item if key in _FREE else _camel(item) for key, item in value.items()}
