"""Canonical: an object as text, always the same bytes.

In:   a JSON value (dict, list, str, int, float, bool, None).
Out:  YAML text that a YAML 1.1 and a YAML 1.2 reader understand alike, or JSON text.

Not here: sorting. Key order is part of the value: templates fix it for what is
ours, upstream's compiler for what it made.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from .yaml_writer import Writer

# What some YAML reader takes for something other than text. PyYAML quotes what
# its own (1.1) resolver would read as a number, a date or a boolean; readers of
# YAML 1.2 (Go's, in Kubernetes tools) also know 1e3 and 0o7.
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
        style = '"' if _AMBIGUOUS.fullmatch(value) or not value.isprintable() else None
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
