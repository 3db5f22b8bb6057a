"""Canonical: an object as text, always the same bytes.

In:   a JSON value (dict, list, str, int, float, bool, None).
Out:  YAML text that readers of YAML 1.1 and 1.2 understand alike, sigs.k8s.io/yaml and kustomize among them; JSON text.

Not here: sorting. Key order is part of the value: templates fix it for what is
ours, upstream's compiler for what it made.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from .yaml_writer import Writer

# What every YAML reader takes for text: it begins as no number, date, sign, merge key or directive does, and is no word
# that YAML 1.1 or 1.2 reads as a boolean or null. PyYAML quotes what would end a plain scalar further on. An amount
# (`100m`, `64Mi`, `2s`) and an option of one letter are the only ones that begin with a digit or a sign.
_TEXT = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z$^/_:].*"
    r"|[0-9]+(?:\.[0-9]+)?(?:[mshkMGT]|[KMGT]i)"
    r"|-[A-Za-z]",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
# What some reader takes for something else, quoted as JSON quotes it; other texts keep the quotes that PyYAML chooses.
_AMBIGUOUS = re.compile(
    r"[-+.]?[0-9][0-9_,.:eEoOxXa-fA-F+-]*|[-+]?\.(inf|nan)|y|n|yes|no|on|off|true|false|null|~", re.I
)


@cache
def _dumper() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        if "\n" in value and _fits_literal(value):
            return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
        style = None if _TEXT.fullmatch(value) else "'"
        if _AMBIGUOUS.fullmatch(value) or not value.isprintable():
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def mapping(dumper: Any, value: dict[str, Any]) -> Any:
        return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())

    Dumper.add_representer(str, text)
    Dumper.add_representer(dict, mapping)
    return Dumper


def _fits_literal(value: str) -> bool:
    lines = value.split("\n")
    return all(line.isprintable() and line == line.rstrip() for line in lines) and not value.startswith((" ", "\n"))


def yaml_text(value: Any) -> str:
    """YAML, block style, UTF-8, one document, ends with a newline."""
    text = _writer().text(value)
    return pyyaml_text(value) if text is None else text


@cache
def _writer() -> Writer:
    return Writer(pyyaml_text)


def pyyaml_text(value: Any) -> str:
    """The same bytes from PyYAML alone, which takes about ten times as long."""
    import yaml

    return str(
        yaml.dump(
            value,
            Dumper=_dumper(),
            default_flow_style=False,
            allow_unicode=True,
            sort_keys=False,
            width=2**20,
        )
    )


def json_text(value: Any) -> str:
    """JSON with two spaces of indentation; ends with a newline."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
