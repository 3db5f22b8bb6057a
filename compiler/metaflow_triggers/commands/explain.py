"""Explain: `metaflow-triggers explain FT107`, what a diagnostic means, offline; `schema`, what `--format json` gives.

In:   a code, or none.
Out:  the rule in text on standard output, or a line for each rule; exit code 0, or 2 for a code that no rule has. The
      JSON Schema of `check` and `compile --format json`.

Not here: the rules, the page of all of them (`reports.page`).
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import Any

from ..diagnostics.suggest import asked, suggest

_WIDTH = 100


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("explain", help="what a diagnostic means, as in docs/diagnostics.md")
    parser.add_argument("code", nargs="?", metavar="CODE", help="as in FT107; without it every code in one line")
    parser.set_defaults(work=explain)


def add_schema_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help="the JSON Schema of what `--format json` of check and compile gives")
    parser.set_defaults(work=schema)


def schema(options: argparse.Namespace) -> int:
    """`schema`."""
    import json

    from ..reports.json import JSON_SCHEMA

    sys.stdout.write(json.dumps(JSON_SCHEMA, indent=2) + "\n")
    return 0


def explain(options: argparse.Namespace) -> int:
    """`explain`: one rule, or the list of them."""
    from ..rules.catalogue import rule, rules

    if options.code is None:
        sys.stdout.writelines(f"{item.code}  {item.severity:7}  {item.title}\n" for item in rules())
        return 0
    code = options.code.strip().upper()
    found = rule(code)
    if found is None:
        meant = asked(suggest(code, [item.code for item in rules()])) or ("all of them: metaflow-triggers explain",)
        sys.stderr.write(f"error: no diagnostic has the code `{options.code}`\n  = {meant[0]}\n")
        return 2
    lines = [f"{found.severity}[{found.code}]: {found.title}", ""]
    for title, text in (("What it finds. ", found.finds), ("Why it matters. ", found.why)):
        lines += [*textwrap.wrap(title + text, _WIDTH, break_long_words=False, break_on_hyphens=False), ""]
    for title, text in (("Example", found.bad), ("Instead", found.good)):
        lines += [f"{title}:", "", textwrap.indent(text, "    "), ""]
    sys.stdout.write("\n".join([*lines, f"Meaning: docs/{found.source}"]) + "\n")
    return 0
