"""Text of a workflow: what Argo puts in place of `{{...}}`, and how it reads conditions.

In:   a JSON value, names and what stands for them.
Out:  a new JSON value; true or false.

Not here: running. Each text is read once: what was put in is not read again. A name that nothing stands for stays as
it is written, as Argo leaves it. Of expressions (`{{=...}}`) only those that our templates use are known; another one
raises `Unknown`. Sources: argo-workflows v4.1.2, util/template/*.go and workflow/controller/{operator,steps,dag}.go.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PARAMETER = r"(workflow|inputs)\.parameters\['([^']+)'\]"
_ENCODED = re.compile(rf"toBase64\({_PARAMETER}\)")
_CUT = re.compile(r"sprig\.b64enc\(sprig\.trunc\((\d+), workflow\.failures\)\)")
_SWITCH = re.compile(
    r"\(tasks\['([^']+)'\]\.status == 'Succeeded' \? "
    r"tasks\['\1'\]\.outputs\.parameters\['switch-step'\] : nil\) == '([^']*)'"
)
_WORD = re.compile(r"\s*(\(|\)|&&|\|\||!=|==|!|\"[^\"]*\"|'[^']*'|[^\s()&|!='\"]+)")
_GO = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}
RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")


class Unknown(Exception):
    """Something that Argo may know and this reader does not."""


def substituted(value: Any, scope: Mapping[str, str]) -> Any:
    """A copy of a JSON value with its tags filled in, once. Raises Unknown for an expression that is not ours."""
    if isinstance(value, dict):
        return {key: substituted(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, scope) for item in value]
    if isinstance(value, str) and "{{" in value:
        return _TAG.sub(lambda match: _filled(match, scope), value)
    return value


def _filled(match: re.Match[str], scope: Mapping[str, str]) -> str:
    tag = match[1].strip()
    if tag.startswith("="):
        return _evaluated(tag[1:].strip(), scope)
    return scope.get(tag, match[0])


def _evaluated(expression: str, scope: Mapping[str, str]) -> str:
    if found := _ENCODED.fullmatch(expression):
        return base64.b64encode(scope[f"{found[1]}.parameters.{found[2]}"].encode()).decode()
    if found := _CUT.fullmatch(expression):
        return base64.b64encode(scope["workflow.failures"].encode()[: int(found[1])]).decode()
    if found := _SWITCH.fullmatch(expression):
        chosen = scope.get(f"tasks.{found[1]}.status") == "Succeeded"
        taken = scope.get(f"tasks.{found[1]}.outputs.parameters.switch-step") if chosen else None
        return str(taken == found[2]).lower()
    raise Unknown(f"the expression {{{{={expression}}}}}")


def go_quoted(text: str) -> str:
    """As Go's strconv.Quote writes it."""

    def character(one: str) -> str:
        if one in _GO:
            return _GO[one]
        if one.isprintable():
            return one
        code = ord(one)
        return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return '"' + "".join(map(character, text)) + '"'


def is_true(condition: str) -> bool:
    """A `when` whose tags are filled in. A word without quotes is a text, as Argo reads it."""

    def word(text: str) -> str:
        if text[0] in "\"'":
            return repr(text[1:-1])
        return {"true": "True", "false": "False"}.get(text, repr(text))

    return _judged(condition, word)


def is_met(depends: str, results: Mapping[str, set[str]]) -> bool:
    """A `depends` of a task; `results`: of each earlier task those of RESULTS that hold."""

    def word(text: str) -> str:
        task, dot, result = text.rpartition(".")
        if not dot or result not in RESULTS:
            return repr(bool(results[text] & {"Succeeded", "Skipped", "Daemoned"}))
        return repr(result in results[task])

    return not depends or _judged(depends, word)


def named_in(depends: str, tasks: set[str]) -> set[str]:
    """The tasks that a `depends` speaks of."""
    words = {word for word in _WORD.findall(depends) if word not in ("(", ")", "&&", "||", "!")}
    return {
        task for task in tasks if any(word in (task, *(f"{task}.{result}" for result in RESULTS)) for word in words)
    }


def _judged(condition: str, word: Any) -> bool:
    python = {"&&": "and", "||": "or", "!": "not", "(": "(", ")": ")", "==": "==", "!=": "!="}
    position, words = 0, []
    while condition[position:].strip():
        match = _WORD.match(condition, position)
        if match is None:
            raise Unknown(f"the condition {condition!r}")
        words.append(python.get(match[1]) or word(match[1]))
        position = match.end()
    result = eval(" ".join(words), {"__builtins__": {}})  # only literals and operators reach it
    if not isinstance(result, bool):
        raise Unknown(f"the condition {condition!r}")
    return result
