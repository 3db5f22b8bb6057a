"""Page: the catalogue as Markdown, `docs/diagnostics.md`.

In:   `metaflow_triggers.rules.catalogue` and the schema of the JSON form.
Out:  text; `python -m metaflow_triggers.reports.page` prints it.

Not here: any text about a rule that is not in the catalogue.
"""

from __future__ import annotations

import json
import sys

from ..rules.catalogue import AREAS, rules
from .json import JSON_SCHEMA

_HEAD = """\
# Diagnostics

Generated from the catalogue by `python -m metaflow_triggers.reports.page`; edit the rules, not this page.

Each finding has a code. An *error* stops the command and nothing is written; a *warning* and a *note* do not.
A code never changes its meaning. `metaflow-triggers explain FT107` prints what stands here of one, offline.
"""

_JSON = """\
## JSON

`--format json` writes one object that fits this schema. Lines and columns count from 1, columns in characters;
`end_column` is one past the last character.
"""


def page() -> str:
    """The whole page; ends with a newline."""
    lines = [_HEAD, "| code | severity | what |", "|---|---|---|"]
    lines += [f"| [{item.code}](#{item.code}) | {item.severity} | {item.title} |" for item in rules()]
    area = ""
    for item in rules():
        if item.code[:3] != area:
            area = item.code[:3]
            lines += ["", f"## {area}: {AREAS[area]}"]
        lines += ["", f'### <a id="{item.code}"></a>{item.code}: {item.title}', "", f"Severity: {item.severity}."]
        lines += ["", "**What it finds.** " + item.finds, "", "**Why it matters.** " + item.why]
        lines += ["", "**Example**", "", f"```{item.language}", item.bad, "```"]
        lines += ["", "**Instead**", "", f"```{item.language}", item.good, "```"]
    lines += ["", _JSON, "```json", json.dumps(JSON_SCHEMA, indent=2), "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
