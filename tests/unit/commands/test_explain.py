"""`metaflow-triggers explain`: the rule of a code, whatever else is there."""

from __future__ import annotations

from metaflow_triggers.rules.catalogue import rules

from .conftest import Run


def test_a_code_in_any_case(triggers: Run) -> None:
    done = triggers("explain", "ft105")
    assert done.code == 0 and not done.err
    lines = done.out.splitlines()
    assert lines[0] == "error[FT105]: named twice in one trigger"
    assert any(line.startswith("What it finds. ") for line in lines) and "Instead:" in lines
    assert max(map(len, lines)) <= 120
    assert lines[-1] == "Meaning: docs/semantics.md#2-trigger"


def test_every_code_in_a_line(triggers: Run) -> None:
    done = triggers("explain")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == [item.code for item in rules()]


def test_every_rule_has_words_of_its_own() -> None:
    assert all(item.finds and item.why and item.bad and item.good for item in rules())


def test_a_code_that_is_none(triggers: Run) -> None:
    done = triggers("explain", "FT1050")
    assert (done.code, done.out) == (2, "")
    assert "no diagnostic has the code `FT1050`" in done.err and "FT105" in done.err
