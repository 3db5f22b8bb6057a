"""Open settings: text with `OPEN.<Name>.SETTING` in it, as a CloudFormation value, and back.

In:   text or a JSON value, and which logical name stands for each open setting.
Out:  the same with `Ref`, `Fn::Sub` or `Fn::Join` where a setting was open. `resolve` is the inverse,
      given the values.

Not here: deciding what is open. Text that is not a known open setting is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_OPEN = re.compile(r"OPEN\.(JobDefinition\.\w+|[A-Za-z]\w*(?:::[A-Za-z]\w*)?)\.SETTING")

# `${Name}` in a literal part is written `${!Name}`. Other uses of `${` (unclosed, nested, `${X:-y}`) are outside
# what the documentation of Fn::Sub describes, so such text is joined instead: Fn::Join reads no text.
_ESCAPABLE = re.compile(r"\$\{[A-Za-z0-9_.:]+\}")
_SUB_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def fill_text(text: str, references: Mapping[str, str]) -> Any:
    """`text`, or a CloudFormation function where it holds an open setting out of `references`."""
    literals: list[str] = [""]
    names: list[str] = []
    position = 0
    for match in _OPEN.finditer(text):
        if match[1] not in references:
            continue
        literals[-1] += text[position : match.start()]
        literals.append("")
        names.append(references[match[1]])
        position = match.end()
    literals[-1] += text[position:]
    if not names:
        return text
    if len(names) == 1 and literals == ["", ""]:
        return {"Ref": names[0]}
    if all(_subs_cleanly(literal) for literal in literals):
        out = _escape(literals[0])
        for name, literal in zip(names, literals[1:], strict=True):
            out += f"${{{name}}}" + _escape(literal)
        return {"Fn::Sub": out}
    parts: list[Any] = [literals[0]]
    for name, literal in zip(names, literals[1:], strict=True):
        parts += [{"Ref": name}, literal]
    return {"Fn::Join": ["", [part for part in parts if part != ""]]}


def _subs_cleanly(literal: str) -> bool:
    return "${" not in _ESCAPABLE.sub("", literal) and not literal.endswith("$")


def _escape(literal: str) -> str:
    return literal.replace("${", "${!")


def fill(value: Any, references: Mapping[str, str]) -> Any:
    """`value` with every text in it (never a key) passed through `fill_text`."""
    if isinstance(value, str):
        return fill_text(value, references)
    if isinstance(value, list):
        return [fill(item, references) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, references) for key, item in value.items()}
    return value


def resolve(value: Any, ref: Callable[[str], str], attribute: Callable[[str, str], str]) -> Any:
    """`value` with its functions evaluated as CloudFormation does.

    `ref(name)` gives a parameter or a resource's reference, `attribute(name, key)` an attribute; both raise KeyError.
    Raises ValueError for a function that our templates do not use.
    """
    if isinstance(value, list):
        return [resolve(item, ref, attribute) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, argument),) = value.items()
        if key == "Ref":
            return ref(argument)
        if key == "Fn::GetAtt":
            return attribute(argument[0], argument[1])
        if key == "Fn::Sub":
            return _SUB_VARIABLE.sub(lambda match: _substituted(match[1], ref, attribute), argument)
        if key == "Fn::Join":
            return argument[0].join(resolve(argument[1], ref, attribute))
        if key.startswith("Fn::"):
            raise ValueError(f"{key} is not evaluated here")
    return {key: resolve(item, ref, attribute) for key, item in value.items()}


def _substituted(name: str, ref: Callable[[str], str], attribute: Callable[[str, str], str]) -> str:
    if name.startswith("!"):
        return f"${{{name[1:]}}}"
    if "." in name:
        resource, _, key = name.partition(".")
        return attribute(resource, key)
    return ref(name)


def used(value: Any) -> set[str]:
    """The logical names that `value` refers to, in `Ref`, `Fn::Sub` and `Fn::GetAtt`."""
    out: set[str] = set()

    def ref(name: str) -> str:
        out.add(name)
        return ""

    def attribute(name: str, key: str) -> str:
        out.add(name)
        return ""

    resolve(value, ref, attribute)
    return out
