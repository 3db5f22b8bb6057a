"""The hostile corpus: values that a payload may hold, and what semantics 6 makes of them.

In:   nothing; `VALUES` is data: a name and the JSON text of a value, as a publisher writes it.
Out:  for each value and type of parameter what arrives, worked out here from the table of section 6 alone.

Not here: any code of ours. A value stands as compact JSON text, so that "its JSON text" is what stands here.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any

TOUCHED = "hostile-touched"
"""The file that values ask for."""


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


TEXTS = {
    "empty": "",
    "blank": " ",
    "single quote": "'",
    "double quote": '"',
    "both quotes and a backslash": "'\"\\'\"",
    "a trailing backslash": "\\",
    "command substitution": f"$(touch {TOUCHED})",
    "quoted command substitution": f'"$(touch {TOUCHED})"',
    "closing quote and substitution": f"'$(touch {TOUCHED})'",
    "backticks": f"`touch {TOUCHED}`",
    "semicolon": f"; touch {TOUCHED} ;",
    "and": f"x && touch {TOUCHED}",
    "pipe": f"x | touch {TOUCHED}",
    "redirection": f"> {TOUCHED}",
    "newline and a command": f"x\ntouch {TOUCHED}\n",
    "environment": "$HOME ${PATH} ${IFS}",
    "python format": "{0.__class__} {} %s %(x)s",
    "python expression": f"__import__('pathlib').Path('{TOUCHED}').touch()",
    "argo variable": "{{workflow.name}} {{inputs.parameters.x}}",
    "argo expression": "{{=sprig.env('HOME')}}",
    "jinja": "{% for x in y %}{{ x }}{# z #}",
    "placeholder of an input transformer": "<x> <$.detail.v> <aws.events.event>",
    "path of a state machine": "$.v $$.Execution.Id",
    "intrinsic function": "States.Format('{}', $.v)",
    "cloudformation": "${AWS::Region} !Ref x",
    "xml": "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    "sql": "'); DROP TABLE events; --",
    "newline alone": "\n",
    "carriage return and newline": "a\r\nb",
    "tab": "a\tb",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "next line": "a\u0085b",
    "byte order mark": "\ufeffa",
    "right to left": "a\u202eb",
    "beyond the first plane": "\U0001f600\U0010fffd",
    "combining": "e\u0301",
    "not a character": "\uffff",
    "delete": "a\x7fb",
    "control": "a\x01\x08b",
    "escape sequence": "\x1b[2J\x1b]0;title\x07",
    "short option": "-v",
    "long option": "--help",
    "two hyphens": "--",
    "an at sign first": "@/etc/passwd",
    "a path upwards": "../../../../etc/hostname-not",
    "the word null": "null",
    "the word true": "true",
    "the word False": "False",
    "the word yes": "yes",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus inf": "-inf",
    "digits": "5",
    "minus and leading zeros": "-007",
    "plus": "+5",
    "digits and a blank": "5 ",
    "digits and a newline": "5\n",
    "arabic digits": "\u0661\u0662",
    "digits with an underscore": "1_000",
    "hexadecimal": "0x10",
    "exponent": "1e3",
    "too large an exponent": "1e400",
    "decimal": "3.0",
    "comma first": ",a,,b,",
    "json in a text": '{"a": [1, "b"]}',
    "long": "x" * 100_000,
}

LITERALS = {
    "2**53 + 1": "9007199254740993",
    "2**63": "9223372036854775808",
    "-2**63 - 1": "-9223372036854775809",
    "2**64": "18446744073709551616",
    "2**200": str(2**200),
    "10**400": "1" + "0" * 400,
    "5,000 digits": "7" * 5000,
    "zero": "0",
    "one": "1",
    "minus zero with a fraction": "-0.0",
    "one with a fraction": "1.0",
    "decimal with a last zero": "1.10",
    "a decimal of 34 digits": "0.1000000000000000055511151231257827",
    "1e400": "1e400",
    "1E5": "1E5",
    "1e-999": "1e-999",
    "true": "true",
    "false": "false",
    "null": "null",
    "empty list": "[]",
    "empty object": "{}",
    "list": '[1,"a",null,[true]]',
    "deep": "[" * 200 + "]" * 200,
    "dotted keys": '{"a.b":1,"a":{"b":2},".":3,"":4}',
    "keys that look alike": '{"a":1,"A":2,"\u0430":3,"a ":4}',
    "keys of templates": '{"{{x}}":"<y>","v.$":"$.x","$ref":"#","__proto__":{"x":1}}',
}

VALUES: dict[str, str] = {**{name: _text(value) for name, value in TEXTS.items()}, **LITERALS}

REFUSED: dict[str, str] = {
    "NUL": '"a\\u0000b"',
    "NUL in a key": '{"a\\u0000":1}',
    "a high surrogate alone": '"\\ud800"',
    "a low surrogate alone": '"a\\udc00b"',
    "surrogates in the wrong order": '"\\udc00\\ud800"',
    "a surrogate alone in a key": '[{"\\ud800":1}]',
    "more than 240 KiB": _text("x" * 245_760),
}
"""What no event carries (sections 6 and 11)."""

TYPES = ("str", "int", "float", "bool", "json", "separator")
"""`separator` is a str with `separator=','`."""

WRONG = object()
DEFAULT = object()


def expected(text: str, kind: str) -> Any:
    """What the table of section 6 makes of a value: what arrives, or DEFAULT, or WRONG (type)."""
    if text == "null":
        return DEFAULT
    is_text = text.startswith('"')
    value: Any = json.loads(text) if is_text else None
    if kind in ("str", "separator"):
        arrives = value if is_text else text
        # Metaflow splits no empty text (flowspec.py, `_set_constants`).
        return arrives.split(",") if kind == "separator" and arrives else arrives
    if kind == "int":
        digits = value if is_text else text
        return _integer(digits) if re.fullmatch("-?[0-9]+", digits) else WRONG
    if kind == "float":
        spelled = value if is_text else text
        # How a decimal number is spelled; Python's own float() takes more.
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", spelled):
            return WRONG
        return float(spelled) if math.isfinite(float(spelled)) else WRONG
    if kind == "bool":
        word = value.lower() if is_text else text
        return {"true": True, "false": False}.get(word, WRONG)
    if is_text:
        return value
    return _integer(text) if re.fullmatch("-?[0-9]+", text) else json.loads(text)


def _integer(digits: str) -> int:
    limit = sys.get_int_max_str_digits() if hasattr(sys, "get_int_max_str_digits") else 0
    if not limit or len(digits) < limit:
        return int(digits)
    number = 0
    for char in digits.lstrip("-"):
        number = number * 10 + int(char)
    return -number if digits.startswith("-") else number
