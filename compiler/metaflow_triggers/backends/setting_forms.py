"""Setting forms: a setting whose value is not of the form that a backend takes.

In:   the settings, and what a backend says of the form of its own.
Out:  diagnostics (FT017), in the order of the forms. A setting that stands open has no form.

Not here: whether what a setting names exists (`deploy`), which settings there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..diagnostics import Diagnostic
from ..model.marks import ID, ID_IN_WORDS
from ..model.settings import Settings


class Form(NamedTuple):
    """`setting` is what the user sets, `field` the one of `Settings`, `pattern` what its whole value matches;
    `expected` goes on from "is"; `shown`: False where the value may be a secret that somebody put there by mistake.
    """

    setting: str
    field: str
    pattern: str
    expected: str
    help: str
    shown: bool = True


OF_ALL = (
    Form(
        "METAFLOW_TRIGGERS_PROJECT_ID",
        "project_id",
        ID,
        "the id of a project",
        f"it has {ID_IN_WORDS}",
    ),
)
"""What every backend marks its objects with."""


def mistakes(settings: Settings, forms: Iterable[Form]) -> Iterator[Diagnostic]:
    """One diagnostic for each setting whose value does not fit; one that has another's value is not told again."""
    told: set[tuple[str, str]] = set()
    for form in forms:
        value = getattr(settings, form.field)
        if value is not None and not re.fullmatch(form.pattern, value) and (value, form.expected) not in told:
            told.add((value, form.expected))
            said = f"{form.setting} is {form.expected}, not `{value}`"
            if not form.shown:
                said = f"{form.setting} is not {form.expected}"
            yield Diagnostic("FT017", said, helps=(form.help,))
