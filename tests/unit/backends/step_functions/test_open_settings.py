"""Open settings: text to CloudFormation and back, whatever shell or template syntax it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.backends.step_functions.compile.open_settings import Stands, fill, fill_text, resolve, used
from metaflow_triggers.model.settings import open_setting

PLACE = {"Fn::FindInMap": ["Code", "Package", "Path"]}
NAME = {"Fn::Select": [1, {"Fn::Split": ["/", PLACE]}]}
REFERENCES: dict[str, Stands] = {
    "DatastoreBucket": "DatastoreBucket",
    "AWS::Region": "AWS::Region",
    "JobDefinition.start": "JobDefinitionStart0",
    "CodePackagePath": PLACE,
    "CodePackageSha": NAME,
}
VALUES = {"DatastoreBucket": "flows", "AWS::Region": "eu-west-1", "JobDefinitionStart0": "arn:of:definition:1"}
MAPPINGS = {"Code": {"Package": {"Path": "Flow/abcd"}}}
MEANT = {
    "DatastoreBucket": "flows",
    "AWS::Region": "eu-west-1",
    "JobDefinition.start": "arn:of:definition:1",
    "CodePackagePath": "Flow/abcd",
    "CodePackageSha": "abcd",
}

PIECES = st.one_of(
    st.sampled_from(sorted(map(open_setting, REFERENCES))),
    st.sampled_from(
        ["${", "}", "$", "!", "${!", "${X}", "${!X}", "${X:-y}", "${AWS::Region}", "${{", "OPEN.", ".SETTING", "${a.b}"]
    ),
    st.text(max_size=5),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


def filled(text: str) -> str:
    for name, value in MEANT.items():
        text = text.replace(open_setting(name), value)
    return text


def evaluate(value: Any) -> Any:
    def attribute(name: str, key: str) -> str:
        raise AssertionError("a text becomes no attribute")

    return resolve(value, VALUES.__getitem__, attribute, MAPPINGS)


@given(TEXTS)
def test_evaluating_gives_the_text_with_its_settings(text: str) -> None:
    # Inserting one setting may not form the name of another.
    assert evaluate(fill_text(text, REFERENCES)) == filled(text)


@settings(max_examples=40)
@given(st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)))
def test_inside_values_too(value: Any) -> None:
    if _has_function(value):
        return

    def expected(item: Any) -> Any:
        if isinstance(item, str):
            return filled(item)
        if isinstance(item, list):
            return [expected(one) for one in item]
        return {key: expected(one) for key, one in item.items()}

    assert evaluate(fill(value, REFERENCES)) == expected(value)


def _has_function(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_function, value))
    return isinstance(value, dict) and any(
        key == "Ref" or key.startswith("Fn::") or _has_function(item) for key, item in value.items()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ${X}", "plain ${X}"),
        ("OPEN.DatastoreBucket.SETTING", {"Ref": "DatastoreBucket"}),
        ("OPEN.JobDefinition.start.SETTING", {"Ref": "JobDefinitionStart0"}),
        ("s3://OPEN.DatastoreBucket.SETTING/${X}", {"Fn::Sub": "s3://${DatastoreBucket}/${!X}"}),
        # outside what the documentation of Fn::Sub describes
        ("${X:-1} OPEN.AWS::Region.SETTING", {"Fn::Join": ["", ["${X:-1} ", {"Ref": "AWS::Region"}]]}),
        ("$OPEN.AWS::Region.SETTING", {"Fn::Join": ["", ["$", {"Ref": "AWS::Region"}]]}),
        ("OPEN.Unknown.SETTING", "OPEN.Unknown.SETTING"),
    ],
)
def test_forms(text: str, expected: Any) -> None:
    assert fill_text(text, REFERENCES) == expected


def test_used_names() -> None:
    value = [{"Ref": "A"}, {"x": {"Fn::Sub": "${B} ${!C} ${D.Arn}"}}, {"Fn::GetAtt": ["E", "Arn"]}]
    assert used(value) == {"A", "B", "D", "E"}
    own = {"CodePackagePath": PLACE, "CodePackageSha": NAME}
    text = {"Fn::Sub": ["${F} ${CodePackagePath} ${CodePackageSha}", own]}
    assert used([text, {"Fn::Join": ["", [{"Ref": "G"}, "${H}"]]}]) == {"Code", "F", "G"}
