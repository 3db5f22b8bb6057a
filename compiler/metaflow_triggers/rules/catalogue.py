"""Catalogue: every rule, by code; each is one file, which says all that there is to say of it.

In:   the files of `in_graph` and `elsewhere`, by the folder's listing: `ft105_named_twice.py` is the rule FT105. A file
      has its title as docstring and constants named as the fields of `Rule`.
Out:  `rule`, which reads one file, and `rules`, which reads all.

Not here: finding anything, printing. A code is never used for something else; one that is no longer raised keeps its
file.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

SEVERITIES = ("error", "warning", "note")

AREAS: dict[str, str] = {
    "FT0": "usage and configuration",
    "FT1": "reading a flow",
    "FT2": "linking flows and events",
    "FT3": "parameters and payload",
    "FT4": "names, sizes, limits",
    "FT5": "what a backend cannot express",
    "FT6": "emitted objects",
    "FT7": "deploy, poll triggers, the local engine",
    "FT9": "ours",
}
"""What the first digit of a code says."""


@dataclass(frozen=True)
class Rule:
    """One code and its page.

    `source` is the section of `docs/` that the rule keeps. `finds` and `why` are prose, `bad` shows what is found and
    `good` what to write; `language` names how the two are written: python, text, json, or console, which need not be
    said where `bad` has a command. `also` are other codes that `bad` cannot do without. `raised` are the files or
    folders that tell it; empty where the rule's own file finds it, or nobody does any more. `strict`: an error for
    `--strict`, whatever its severity.
    """

    code: str
    title: str
    source: str
    finds: str
    why: str
    bad: str
    good: str
    language: str
    severity: str = "error"
    strict: bool = False
    raised: str = ""
    also: str = ""


def modules(folder: str) -> dict[str, str]:
    """The rules of a folder: the code and the module of each, in the order of the codes."""
    listed = pkgutil.iter_modules([str(Path(__file__).with_name(folder))])
    return {name[:5].upper(): f"{__package__}.{folder}.{name}" for _, name, _ in listed if name.startswith("ft")}


@cache
def _modules() -> dict[str, str]:
    return modules("in_graph") | modules("elsewhere")


@cache
def rule(code: str) -> Rule | None:
    """The rule of `code`, or None where no file has it."""
    if code not in _modules():
        return None
    module = import_module(_modules()[code])
    said: dict[str, Any] = {
        field.name: getattr(module, field.name.upper()) for field in fields(Rule) if hasattr(module, field.name.upper())
    }
    said |= {name: " ".join(said[name].split()) for name in ("finds", "why")}
    said |= {name: said[name].strip("\n") for name in ("bad", "good")}
    said.setdefault("language", "console" if "\n$ " in f"\n{said['bad']}" else "python")
    return Rule(code, (module.__doc__ or "").partition(": ")[2].removesuffix("."), **said)


def codes() -> list[str]:
    """All codes, in order."""
    return sorted(_modules())


def may_weigh_less(code: str) -> bool:
    """Whether findings of a code may be accepted, or weigh less than the rule says: an error by itself stays one."""
    found = rule(code)
    return found is not None and found.severity != "error"


def rules() -> list[Rule]:
    """All rules, in the order of their codes."""
    return [found for code in sorted(_modules()) if (found := rule(code))]
