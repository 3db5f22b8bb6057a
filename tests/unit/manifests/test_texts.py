"""Every text is read as the same text: by PyYAML (1.1), ruamel.yaml (1.2), sigs.k8s.io/yaml and kustomize's kyaml.

`not_plain.json` are texts that one of the four takes for something else when they stand without quotes (recorded with
`python -m tests.unit.manifests.test_texts`); what the Go readers say needs Go and its module proxy.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.manifests.text import pyyaml_text, yaml_text

from tests.unit.manifests.hostile_texts import hostile_texts
from tests.worlds.argo import judges

RECORDED = Path(__file__).with_name("not_plain.json")
# Nothing of it is structure: what else makes it no text?
_COULD_STAND_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-9;-~])?")
_INDICATOR = re.compile(r"[\"'#&*!|>%@`{}\[\],]|[-?:](?: |$)|---|\.\.\.")


def _everywhere(text: str) -> Any:
    return {"v": text, "l": [text], "k": {text: text}, "d": {"x": {"y": text}}}


def _read(reader: Any, document: str) -> Any:
    try:
        return reader(document)
    except Exception as error:
        return repr(error)


def _not_plain(texts: list[str]) -> list[str]:
    """Those that some reader does not read as they stand."""
    ruamel = pytest.importorskip("ruamel.yaml")
    plain = [
        text
        for text in texts
        if _COULD_STAND_PLAIN.fullmatch(text) and not _INDICATOR.match(text) and ": " not in text and " #" not in text
    ]
    documents = [f"v: {text}\n" for text in plain]
    found = []
    for text, document, answers in zip(plain, documents, judges.texts(documents), strict=True):
        read = [_read(yaml.safe_load, document), _read(ruamel.YAML(typ="safe", pure=True).load, document)]
        if any(item != {"v": text} for item in [*read, *(_read(json.loads, answer) for answer in answers)]):
            found.append(text)
    return sorted(found)


def test_a_text_that_some_reader_takes_for_something_else_is_quoted() -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert {"-.5", "+.5e3", "2024-1-6 7:2:4", "+_1", "y", "<<"} <= set(recorded)
    assert [text for text in recorded if yaml_text({"v": text}) == f"v: {text}\n"] == []
    assert [text for text in recorded if yaml_text({text: 1}) == f"{text}: 1\n"] == []


@pytest.mark.parametrize(
    "text", ["100m", "64Mi", "4096.0M", "2s", "-c", "$.event", "^a$", "/mnt/out", "_shared", "v1.2"]
)
def test_texts_that_are_certainly_text_keep_their_plain_form(text: str) -> None:
    assert yaml_text({"v": text}) == f"v: {text}\n"


def test_hostile_texts_are_read_as_they_were_written() -> None:
    for text in hostile_texts(1500):
        value = _everywhere(text)
        assert yaml.safe_load(yaml_text(value)) == value
        assert yaml_text(value) == pyyaml_text(value)


@pytest.mark.long
def test_the_recorded_texts_are_what_the_readers_say() -> None:
    try:
        found = _not_plain(hostile_texts(3000))
    except judges.NoJudge as reason:
        pytest.skip(str(reason))
    assert found == json.loads(RECORDED.read_text("utf-8"))


@pytest.mark.long
def test_twenty_thousand_texts_are_unchanged_by_four_readers() -> None:
    ruamel = pytest.importorskip("ruamel.yaml")
    reader = ruamel.YAML(typ="safe", pure=True)
    texts = hostile_texts(20_000)
    values = [_everywhere(text) for text in texts]
    documents = [yaml_text(value) for value in values]
    try:
        answers = judges.texts(documents)
    except judges.NoJudge as reason:
        pytest.skip(str(reason))
    changed = [
        (text, which)
        for text, value, document, of_go in zip(texts, values, documents, answers, strict=True)
        for which, read in [
            ("PyYAML", _read(yaml.safe_load, document)),
            ("ruamel.yaml", _read(reader.load, document)),
            *(
                (name, _read(json.loads, one))
                for name, one in zip(("sigs.k8s.io/yaml", "kyaml", "kustomize writes"), of_go, strict=True)
            ),
        ]
        if read != value
    ]
    assert changed == []


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(_not_plain(hostile_texts(3000)), indent=0) + "\n", "utf-8")
