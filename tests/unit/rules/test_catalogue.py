"""Each rule is one whole file, and the page is what the files say."""

import ast
import re
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.reports.page import page
from metaflow_triggers.rules import catalogue
from metaflow_triggers.rules.catalogue import AREAS, SEVERITIES, rule, rules
from metaflow_triggers.rules.weight import refuses, severity

from .examples import whole

ROOT = Path(__file__).parents[3]
COMPILER = ROOT / "compiler" / "metaflow_triggers"
FILES = sorted((COMPILER / "rules").glob("*/ft*.py"))


def test_page_is_up_to_date():
    written = (ROOT / "docs" / "diagnostics.md").read_text("utf-8")
    assert written == page(), "run `make docs`"


def test_page_command_prints_the_page():
    command = [sys.executable, "-m", "metaflow_triggers.reports.page"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == page()
    assert done.stderr == ""


def test_every_rule_has_a_section_with_all_four_headings():
    sections = re.split(r'^### <a id="(FT\d{3})"></a>', page(), flags=re.M)[1:]
    found = dict(zip(sections[::2], sections[1::2], strict=True))
    assert sorted(found) == [item.code for item in rules()]
    for text in found.values():
        for heading in ("What it finds", "Why it matters", "Example", "Instead"):
            assert f"**{heading}" in text


def test_codes_are_unique_sorted_and_of_a_known_area():
    codes = [item.code for item in rules()]
    assert codes == sorted(path.name[:5].upper() for path in FILES)
    assert len(codes) == len(set(codes)) > 100
    for item in rules():
        assert item.code[:3] in AREAS
        assert item.severity in SEVERITIES
        assert item.title and not item.title.endswith(".") and "\n" not in item.title
        assert item.finds.endswith((".", ")")) and item.why.endswith(".")
        assert item.bad.strip() and item.good.strip() and item.bad != item.good
        assert rule(item.code) is item and severity(Diagnostic(item.code, "")) == item.severity


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_says_what_a_rule_says_and_nothing_else(path):
    """A constant that is no field would be dropped without a word."""
    assert re.fullmatch(r"ft\d{3}_[a-z_]+\.py", path.name)
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree).startswith(f"{path.name[:5].upper()}: ")
    said = {node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)}
    known = {field.name.upper() for field in fields(catalogue.Rule)} - {"CODE", "TITLE"}
    assert {name for name in said if not name.startswith("_")} <= known


def headings(path):
    """The anchors of a page, as they are made where it is shown."""
    found = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize("item", rules(), ids=lambda item: item.code)
def test_a_rule_names_the_section_that_it_keeps(item):
    page, _, heading = item.source.partition("#")
    assert heading in headings(ROOT / "docs" / page)


NO_LONGER_RAISED = {"FT504"}


@pytest.mark.parametrize("item", rules(), ids=lambda item: item.code)
def test_who_is_said_to_tell_a_rule_does(item):
    for name in item.raised.split():
        place = COMPILER / name
        files = [place] if name.endswith(".py") else sorted(place.rglob("*.py"))
        assert any(item.code in path.read_text("utf-8") for path in files), name
    in_graph = catalogue.modules("in_graph").get(item.code)
    assert hasattr(import_module(in_graph), "find") if in_graph else item.raised or item.code in NO_LONGER_RAISED


def test_every_code_that_the_compiler_writes_is_in_the_catalogue():
    known = {item.code for item in rules()}
    for path in sorted(COMPILER.rglob("*.py")):
        used = set(re.findall(r"""["'](FT\d{3})["']""", path.read_text("utf-8")))
        assert used <= known, path


@pytest.mark.parametrize("item", [item for item in rules() if item.language == "python"], ids=lambda item: item.code)
@pytest.mark.parametrize("field", ["bad", "good"])
def test_python_in_the_page_is_python(item, field):
    assert all(ast.parse(text) for text in whole(getattr(item, field)).values())


def test_an_unknown_code_counts_as_an_error():
    assert rule("FT999") is None
    assert severity(Diagnostic("FT999", "")) == "error"
    assert not refuses([Diagnostic("FT999", "", severity="note")], strict=True)


def test_a_code_costs_its_own_file_only():
    """Compiling looks up the codes that it has found, not a hundred files."""
    asked = (
        "import sys; from metaflow_triggers.rules.weight import severity; from metaflow_triggers.diagnostics import "
        "Diagnostic; severity(Diagnostic('FT763', '')); print(*(name for name in sys.modules if '.ft' in name))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["metaflow_triggers.rules.elsewhere.ft763_not_published"]
