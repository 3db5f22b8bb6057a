"""A context takes JSON values only: each kind of mistake."""

from metaflow_triggers.poll import Context

deep = []
for _ in range(200):
    deep = [deep]
for value in (
    {"a": {1, 2}},
    {"a": b"bytes"},
    {"a": 2**70},
    {"a": float("nan")},
    {1: "a"},
    {"a": deep},
    {"a": "\0"},
    {"a": "\ud800"},
    ["a"],
):
    try:
        Context(value)
    except (TypeError, ValueError) as error:
        print(error)
