"""Explain: `metaflow-triggers explain FT107`, what a diagnostic means, offline; `schema`, what `--format json` gives.

In:   codes, or none.
Out:  the rules in text on standard output, or a line for each rule; exit code 0, or 2 for a code that no rule has. The
      JSON Schema of `check` and `compile --format json`, and that of other commands'.

Not here: the rules, the page of all of them (`reports.page`).
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from ..diagnostics.suggest import asked, suggest

if TYPE_CHECKING:
    from ..rules.catalogue import Rule

_WIDTH = 100

_OTHERS = {"doctor": "doctor/findings", "graph": "pictures/picture", "trail": "trail/answers"}
"""The schemas of commands other than `check` and `compile`."""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("explain", help="what a diagnostic means, as in docs/diagnostics.md")
    parser.add_argument("codes", nargs="*", metavar="CODE", help="as in FT107; without one every code in one line")
    parser.set_defaults(work=explain)


def add_schema_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help="the JSON Schema of what `--format json` gives")
    parser.add_argument(
        "of", nargs="?", choices=("check", *_OTHERS), default="check", help="check: of `check` and `compile` (default)"
    )
    parser.set_defaults(work=schema)


def schema(options: argparse.Namespace) -> int:
    """`schema`."""
    import json

    if options.of in _OTHERS:
        from ..manifests.schemas import load_schema

        found = load_schema(_OTHERS[options.of])
    else:
        from ..reports.json import JSON_SCHEMA

        found = JSON_SCHEMA
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


def explain(options: argparse.Namespace) -> int:
    """`explain`: the rules of some codes, or the list of all."""
    from ..rules.catalogue import rule, rules

    if not options.codes:
        sys.stdout.writelines(f"{item.code}  {item.severity:7}  {item.title}\n" for item in rules())
        return 0
    pages, unknown = [], False
    for given in options.codes:
        code = given.strip().upper()
        found = rule(code)
        if found is None:
            meant = asked(suggest(code, [item.code for item in rules()])) or ("all of them: metaflow-triggers explain",)
            sys.stderr.write(f"error: no diagnostic has the code `{given}`\n  = {meant[0]}\n")
            unknown = True
        else:
            pages.append(_page(found))
    sys.stdout.write("\n".join(pages))
    return 2 if unknown else 0


def _page(found: Rule) -> str:
    lines = [f"{found.severity}[{found.code}]: {found.title}", ""]
    for title, text in (("What it finds. ", found.finds), ("Why it matters. ", found.why)):
        lines += [*textwrap.wrap(title + text, _WIDTH, break_long_words=False, break_on_hyphens=False), ""]
    for title, text in (("Example", found.bad), ("Instead", found.good)):
        lines += [f"{title}:", "", textwrap.indent(text, "    "), ""]
    return "\n".join([*lines, f"Meaning: docs/{found.source}"]) + "\n"
