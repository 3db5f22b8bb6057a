"""Open settings: text with `OPEN.<Name>.SETTING` in it, as a CloudFormation value, and back.

In:   text or a JSON value, and what stands for each open setting: a logical name, or a function that gives the value.
Out:  the same with `Ref`, `Fn::Sub` or `Fn::Join` where a setting was open. `resolve` is the inverse,
      given the values.

Not here: deciding what is open. Text that is not a known open setting is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ....model.settings import OPEN_PREFIX

_OPEN = re.compile(r"OPEN\.(JobDefinition\.\w+|[A-Za-z]\w*(?:::[A-Za-z]\w*)?)\.SETTING")

# `${Name}` in a literal part is written `${!Name}`. Other uses of `${` (unclosed, nested, `${X:-y}`) are outside
# what the documentation of Fn::Sub describes, so such text is joined instead: Fn::Join reads no text.
_ESCAPABLE = re.compile(r"\$\{[A-Za-z0-9_.:]+\}")
_SUB_VARIABLE = re.compile(r"\$\{([^}]*)\}")


Stands = str | dict[str, Any]
"""What stands for an open setting."""


def fill_text(text: str, references: Mapping[str, Stands]) -> Any:
    """`text`, or a CloudFormation function where it holds an open setting out of `references`."""
    if OPEN_PREFIX not in text:
        return text
    literals: list[str] = [""]
    names: list[str] = []
    position = 0
    for match in _OPEN.finditer(text):
        if match[1] not in references:
            continue
        literals[-1] += text[position : match.start()]
        literals.append("")
        names.append(match[1])
        position = match.end()
    literals[-1] += text[position:]
    if not names:
        return text
    if len(names) == 1 and literals == ["", ""]:
        return _value(references[names[0]])
    if all(_subs_cleanly(literal) for literal in literals):
        out, own = _escape(literals[0]), {}
        for name, literal in zip(names, literals[1:], strict=True):
            stands = references[name]
            if not isinstance(stands, str):
                own[name] = stands
            out += f"${{{stands if isinstance(stands, str) else name}}}" + _escape(literal)
        return {"Fn::Sub": [out, own] if own else out}
    parts: list[Any] = [literals[0]]
    for name, literal in zip(names, literals[1:], strict=True):
        parts += [_value(references[name]), literal]
    return {"Fn::Join": ["", [part for part in parts if part != ""]]}


def _value(stands: Stands) -> dict[str, Any]:
    return {"Ref": stands} if isinstance(stands, str) else stands


def _subs_cleanly(literal: str) -> bool:
    return "${" not in _ESCAPABLE.sub("", literal) and not literal.endswith("$")


def _escape(literal: str) -> str:
    return literal.replace("${", "${!")


def fill(value: Any, references: Mapping[str, Stands]) -> Any:
    """`value` with every text in it (never a key) passed through `fill_text`."""
    if isinstance(value, str):
        return fill_text(value, references) if OPEN_PREFIX in value else value
    if isinstance(value, list):
        return [fill(item, references) for item in value]
    if isinstance(value, dict):
        return {
            key: item if isinstance(item, str) and OPEN_PREFIX not in item else fill(item, references)
            for key, item in value.items()
        }
    return value


def resolve(
    value: Any,
    ref: Callable[[str], str],
    attribute: Callable[[str, str], str],
    mappings: Mapping[str, Mapping[str, Mapping[str, str]]] | None = None,
) -> Any:
    """`value` with its functions evaluated as CloudFormation does.

    `ref(name)` gives a parameter or a resource's reference, `attribute(name, key)` an attribute; both raise KeyError.
    `mappings` are the template's. Raises ValueError for a function that our templates do not use.
    """
    if isinstance(value, list):
        return [resolve(item, ref, attribute, mappings) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, argument),) = value.items()
        if key == "Ref":
            return ref(argument)
        if key == "Fn::GetAtt":
            return attribute(argument[0], argument[1])
        if key == "Fn::Sub":
            text, own = (argument, {}) if isinstance(argument, str) else argument
            given = resolve(own, ref, attribute, mappings)
            return _SUB_VARIABLE.sub(lambda match: _substituted(match[1], given, ref, attribute), text)
        if key == "Fn::Join":
            return argument[0].join(resolve(argument[1], ref, attribute, mappings))
        if key == "Fn::FindInMap":
            mapping, first, second = argument
            return (mappings or {})[mapping][first][second]
        if key == "Fn::Select":
            return resolve(argument[1], ref, attribute, mappings)[argument[0]]
        if key == "Fn::Split":
            return resolve(argument[1], ref, attribute, mappings).split(argument[0])
        if key.startswith("Fn::"):
            raise ValueError(f"{key} is not evaluated here")
    return {key: resolve(item, ref, attribute, mappings) for key, item in value.items()}


def _substituted(
    name: str, own: Mapping[str, str], ref: Callable[[str], str], attribute: Callable[[str, str], str]
) -> str:
    if name.startswith("!"):
        return f"${{{name[1:]}}}"
    if name in own:
        return own[name]
    if "." in name:
        resource, _, key = name.partition(".")
        return attribute(resource, key)
    return ref(name)


def used(value: Any) -> set[str]:
    """The logical names that `value` refers to, in `Ref`, `Fn::Sub`, `Fn::GetAtt` and `Fn::FindInMap`."""
    found: set[str] = set()
    _add_used(value, found)
    return found


def _add_used(value: Any, found: set[str]) -> None:
    waiting = [value]  # a template has a thousand objects, so none of them costs a call
    while waiting:
        one = waiting.pop()
        items: Any = one
        if isinstance(one, dict):
            if len(one) == 1:
                ((key, argument),) = one.items()
                if key == "Ref":
                    found.add(argument)
                    continue
                if key.startswith("Fn::"):
                    _add_used_by(key, argument, found)
                    continue
            items = one.values()
        elif not isinstance(one, list):
            continue
        for item in items:
            if isinstance(item, (dict, list)):
                waiting.append(item)


def _add_used_by(key: str, argument: Any, found: set[str]) -> None:
    if key in ("Fn::GetAtt", "Fn::FindInMap"):
        found.add(argument[0])
    elif key == "Fn::Sub":
        text, own = (argument, {}) if isinstance(argument, str) else argument
        names = {name.partition(".")[0] for name in _SUB_VARIABLE.findall(text) if not name.startswith("!")}
        found |= names - set(own)
        _add_used(own, found)
    elif key in ("Fn::Join", "Fn::Select", "Fn::Split"):
        _add_used(argument[1], found)
    else:
        raise ValueError(f"{key} is not evaluated here")
