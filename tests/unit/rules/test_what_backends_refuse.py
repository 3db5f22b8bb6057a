"""Section 12 of the semantics, the closed list of what a backend refuses, against the catalogue and the backends."""

from __future__ import annotations

import ast
from pathlib import Path

import metaflow_triggers.backends
import pytest
from metaflow_triggers.rules.catalogue import rules

from tests.semantics import refused_by

PACKAGES = {"step-functions": "step_functions", "argo-workflows": "argo"}
BACKENDS = Path(metaflow_triggers.backends.__file__).parent

MISTAKES = {
    "step-functions": {
        "FT107": "options of a form that the backend does not know",
        "FT505": "a cron expression that is none",
    },
    "argo-workflows": {
        "FT017": "a setting that is none",
        "FT507": "a note, which only --strict refuses",
        "FT508": "a note, said once of all flows",
        "FT107": "options of a form that the backend does not know",
        "FT502": "a filter that is none: every well-formed one becomes a jq program",
    },
}
"""What a backend says beside the list, and why no valid flow is refused by it."""


def raised(package: str) -> set[str]:
    """The codes in what a backend compiles and verifies with; what is said of a deployment is about the account."""
    found = set()
    for path in (BACKENDS / package).rglob("*.py"):
        if {"deploy", "dead_letters", "trail"} & set(path.relative_to(BACKENDS).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Diagnostic" and node.args:
                code = node.args[0]
                assert isinstance(code, ast.Constant), f"{path}:{node.lineno}: a code that is not written out"
                found.add(code.value)
    return found


@pytest.mark.parametrize("backend", PACKAGES)
def test_each_code_that_a_valid_flow_can_get_stands_in_the_list(backend: str) -> None:
    unlisted = raised(PACKAGES[backend]) - refused_by()[backend]
    assert unlisted == set(MISTAKES[backend])


def test_each_code_of_the_list_is_in_the_catalogue() -> None:
    known = {rule.code: rule for rule in rules()}
    for codes in refused_by().values():
        assert len(codes) > 6
        assert codes <= set(known)


def test_the_list_is_closed() -> None:
    """Extending it needs a reason in the commit."""
    both = {"FT116", "FT123", "FT401", "FT402", "FT404", "FT405", "FT501", "FT503", "FT506", "FT513", "FT514"}
    assert refused_by() == {
        "step-functions": both | {"FT403", "FT502", "FT510"},
        "argo-workflows": both | {"FT505", "FT512"},
    }
