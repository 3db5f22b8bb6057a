"""`--format sarif | github | junit`: their readers take what is written, whatever the user's text holds.

SARIF's published schema is asked where SARIF_SCHEMA names it (it is not ours to keep here); the shape that GitHub and
others ask for is held here.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as xml

import jsonschema
import pytest
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.model.flows import Span
from metaflow_triggers.reports.formats import FORMATS, Told, rendered
from metaflow_triggers.reports.json import JSON_SCHEMA

HOSTILE = "50% off, a:b\r\n::error::owned\x1b[2J\u202e<&\"']]>\ud800"
SPAN = Span("flows/a b%é,1:2.py", 3, 5, 4, 7)
ITEMS = [
    Diagnostic(
        "FT201", f"unknown {HOSTILE}", SPAN, HOSTILE, ((Span("flows/c.py", 1, 1, 1, 2), "here"),), ("n",), ("h",)
    ),
    Diagnostic("FT202", "nobody emits it", helps=("name it",)),
    Diagnostic("FT507", HOSTILE, Span("flows/c.py", 9, 1, 9, 2)),
]
GRAPH = {
    "flows": [
        {"flow": name, "file": file, "starts": []}
        for name, file in (("A", SPAN.file), ("B", SPAN.file), ("C", "flows/c.py"), ("D", "flows/d.py"))
    ],
    "edges": [],
}


def document(form: str, items: list[Diagnostic] = ITEMS, *, failed: bool = True, strict: bool = False) -> str:
    text = rendered(form, items, Told(failed, strict, 4, GRAPH))
    assert not items or text.endswith("\n")
    # No byte of a user moves a terminal's cursor.
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    text.encode()
    return text


@pytest.mark.parametrize("form", FORMATS[1:])
def test_each_says_the_same_each_time_and_nothing_of_nothing(form: str) -> None:
    assert document(form) == document(form, ITEMS[::-1])
    assert "FT" not in document(form, [], failed=False)


def test_sarif() -> None:
    log = json.loads(document("sarif"))
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert log["version"] == "2.1.0" and driver["name"] == "metaflow-triggers"
    assert [item["id"] for item in driver["rules"]] == ["FT201", "FT202", "FT507"]
    assert all(item["shortDescription"]["text"] and "helpUri" not in item for item in driver["rules"])
    assert "://" not in json.dumps(run["results"])
    first, second = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("FT201", 0, "error")
    place = first["locations"][0]["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == SPAN.file
    assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", place["artifactLocation"]["uri"])
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endLine": 4, "endColumn": 7}
    assert first["relatedLocations"][0]["message"] == {"text": "here"}
    assert first["message"]["text"].endswith("\nnote: n\nhelp: h")
    assert driver["rules"][second["ruleIndex"]]["id"] == second["ruleId"] == "FT507"
    # A result without a place is refused by code scanning, so it is a notification.
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert told == {
        "level": "warning",
        "message": {"text": "nobody emits it\nhelp: name it"},
        "associatedRule": {"id": "FT202"},
    }


def test_sarif_of_a_file_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def uri(file: str) -> str:
        log = json.loads(document("sarif", [Diagnostic("FT201", "m", Span(file, 1, 1, 1, 2))]))
        return str(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    assert uri("./a.py") == uri(str(tmp_path / "here/a.py")) == "a.py"
    assert uri("../b.py") == f"file://{tmp_path}/b.py"


@pytest.mark.skipif("SARIF_SCHEMA" not in os.environ, reason="SARIF_SCHEMA names no sarif-schema-2.1.0.json")
@pytest.mark.parametrize("items", [ITEMS, []], ids=["some", "none"])
def test_sarif_fits_its_schema(items: list[Diagnostic]) -> None:
    schema = json.loads(Path(os.environ["SARIF_SCHEMA"]).read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert not list(validator.iter_errors(json.loads(document("sarif", items))))
    assert list(validator.iter_errors({"version": "2.1.0", "runs": [{"results": []}]}))


def unescaped(text: str, *, is_property: bool) -> str:
    """As GitHub's runner reads it."""
    pairs = [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if is_property else []), ("%25", "%")]
    for escaped, char in pairs:
        text = text.replace(escaped, char)
    return text


def test_github() -> None:
    lines = document("github").splitlines()
    found = [re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line) for line in lines]
    assert len(lines) == 3 and all(found), lines
    read = []
    for match in found:
        assert match
        words = dict(item.split("=") for item in match[2].split(","))
        read.append((match[1], {key: unescaped(value, is_property=True) for key, value in words.items()}, match[3]))
    assert [(kind, words["title"]) for kind, words, _ in read] == [
        ("warning", "FT202"),
        ("error", "FT201"),
        ("notice", "FT507"),
    ]
    assert read[1][1] == {
        **{"file": SPAN.file, "line": "3", "col": "5", "endLine": "4", "endColumn": "7"},
        "title": "FT201",
    }
    assert read[0][1] == {"title": "FT202"}
    assert unescaped(read[1][2], is_property=False).startswith("unknown 50% off, a:b\\r\n::error::owned\\x1b[2J")


def test_junit() -> None:
    root = xml.fromstring(document("junit"))
    (suite,) = root
    cases = {case.get("name"): case for case in suite}
    assert list(cases) == ["A", "B", "C", "D", "between the flows"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "1", "0")
    assert [child.tag for child in cases["A"]] == ["failure"] and not list(cases["B"]) and not list(cases["D"])
    assert cases["A"][0].get("type") == "FT201" and "error[FT201]" in (cases["A"][0].text or "")
    assert "note[FT507]" in (cases["C"][0].text or "") and cases["C"][0].tag == "system-out"
    # With --strict, what it refuses has failed.
    strict = xml.fromstring(document("junit", strict=True))[0]
    assert strict.get("failures") == "3"


def test_json_has_what_became_of_the_folder() -> None:
    told = {"flow": "A", "backend": "argo-workflows", "why": "a.py is not there any more"}
    files = {"written": ["a.yaml"], "removed": ["b.yaml"], "gone": [told], "kept": [told]}
    files["polls_gone"] = [{**told, "poll": "inbox"}]
    value = json.loads(rendered("json", ITEMS, Told(True, False, 4, GRAPH, {}, files)))
    jsonschema.validate(value, JSON_SCHEMA)
    assert value["files"] == files and value["graph"] == GRAPH
    value["files"]["more"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, JSON_SCHEMA)
