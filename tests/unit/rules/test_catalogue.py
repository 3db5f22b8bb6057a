"""The catalogue is complete, and its page is what the catalogue says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from metaflow_triggers.reports.page import page
from metaflow_triggers.rules.catalogue import AREAS, RULES, SEVERITIES, rule, severity

ROOT = Path(__file__).parents[3]
COMPILER = ROOT / "compiler" / "metaflow_triggers"


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
    assert sorted(found) == [item.code for item in RULES]
    for text in found.values():
        for heading in ("What it finds", "Why it matters", "Example", "Instead"):
            assert f"**{heading}" in text


def test_codes_are_unique_sorted_and_of_a_known_area():
    codes = [item.code for item in RULES]
    assert codes == sorted(set(codes))
    for item in RULES:
        assert re.fullmatch(r"FT\d{3}", item.code)
        assert item.code[:3] in AREAS
        assert item.severity in SEVERITIES
        assert item.title and not item.title.endswith(".") and "\n" not in item.title
        assert item.finds.endswith((".", ")")) and item.why.endswith(".")
        assert item.example.strip() and item.instead.strip() and item.example != item.instead
        assert rule(item.code) is item and severity(item.code) == item.severity


def test_every_code_that_the_compiler_writes_is_in_the_catalogue():
    known = {item.code for item in RULES}
    for path in sorted(COMPILER.rglob("*.py")):
        used = set(re.findall(r"""["'](FT\d{3})["']""", path.read_text("utf-8")))
        assert used <= known, path


@pytest.mark.parametrize("item", [item for item in RULES if item.language == "python"], ids=lambda item: item.code)
@pytest.mark.parametrize("field", ["example", "instead"])
def test_python_in_the_page_is_python(item, field):
    text = getattr(item, field)
    # A decorator alone stands for a decorated flow.
    lines = text.split("\n")
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if code and code[-1].startswith("@"):
        text += "\nclass F: ..."
    text = re.sub(r"(^@[^\n]*\n)\n", r"\1class F: ...\n\n", text + "\n", flags=re.M)
    ast.parse(text)


def test_an_unknown_code_counts_as_an_error():
    assert severity("FT999") == "error"
    with pytest.raises(KeyError):
        rule("FT999")
