"""Every diagnostic keeps its code, place and words: today's are those that were recorded.

Where words change on purpose, `python -m tests.contracts.diagnostics.sessions` records them anew, and the change is
read in the commit's diff.
"""

from __future__ import annotations

import json

import pytest

from . import sessions

RECORD = "meant? then record it: python -m tests.contracts.diagnostics.sessions"


def test_the_rules_and_their_pages() -> None:
    kept = json.loads(sessions.RULES.read_text("utf-8"))
    today = sessions.rules(sessions.todays_page())
    assert len(kept) > 70
    assert all(set(rule) == {"title", "severity", "text"} and all(rule.values()) for rule in today.values())
    assert today == kept, RECORD


@pytest.mark.parametrize("case", sessions.cases())
def test_what_bad_input_is_told(case: str) -> None:
    assert sessions.run(case) == sessions.kept(case), RECORD
