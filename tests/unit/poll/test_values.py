"""Intervals, hashes and names: small functions with exact answers."""

import subprocess
import sys

import pytest
from metaflow_triggers.model.names import poll_slug
from metaflow_triggers.poll.intervals import milliseconds
from metaflow_triggers.polling.fires import context_hash, run_name


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("100ms", 100),
        ("1ms", 1),
        ("5s", 5000),
        ("90s", 90_000),
        ("1m", 60_000),
        ("2h", 7_200_000),
        (" 5s\n", 5000),
        ("007s", 7000),
        ("2147483647ms", 2**31 - 1),
        ("596h", 596 * 3_600_000),
    ],
)
def test_an_interval_is_a_whole_number_and_a_unit(text, length):
    assert milliseconds(text) == length


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5.5s", "-5s", "+5s", "5 s", "5S", "5d", "5min", "1h30m", "0s", "000ms", "s", "ms", "5sec", "1e3s"),
        *("2147483648ms", "2147484s", "597h", "9" * 5000 + "s", "\u0665s", "5s5s", "5s;", "five s", "1_000ms"),
    ],
)
def test_anything_else_is_refused_and_the_units_are_named(text):
    with pytest.raises(ValueError, match=r"ms, s, m, h|longer than zero|longest interval"):
        milliseconds(text)


@pytest.mark.parametrize("value", [5, 5.0, None, True, b"5s", ["5s"]])
def test_an_interval_that_is_no_text_is_a_type_error(value):
    with pytest.raises(TypeError, match="ms, s, m, h"):
        milliseconds(value)


def test_equal_contexts_have_equal_hashes_and_others_differ():
    assert context_hash(None) == context_hash({})
    assert context_hash({"a": 1, "b": {"y": 1, "x": 2}}) == context_hash({"b": {"x": 2, "y": 1}, "a": 1})
    digests = [context_hash(item) for item in ({}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": [1]}, {"b": 1})]
    assert len(set(digests)) == len(digests)


def test_the_hash_is_the_same_in_every_process():
    code = (
        "from metaflow_triggers.polling.fires import context_hash\n"
        "print(context_hash(dict.fromkeys(sorted({'q', 'w', 'e', 'r', '\\u00e9'}, key=hash), 'x')))"
    )
    told = set()
    for seed in ("0", "1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        told.add(done.stdout.strip())
    assert told == {context_hash(dict.fromkeys(["q", "w", "e", "r", "\u00e9"], "x"))}


NAMES = ["inbox", "in-box", "in_box", "In-Box", "in--box", "-inbox", "inbox-", "\u5730", "\u6771", "x" * 32, "x" * 33]
NAMES += ["x" * 128, "a" * 31 + "_", " ".join("ab"), "..", "a.b", "A" * 40]


def test_every_name_fits_a_label_and_a_changed_one_has_a_hash_behind_it():
    slugs = [poll_slug(name) for name in NAMES]
    assert len(set(slugs)) == len(NAMES)
    for name, slug in zip(NAMES, slugs, strict=True):
        whole = run_name(name, context_hash({}), 10**9)
        assert len(whole) <= 63
        assert set(whole) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert whole[0] != "-"
        assert slug
        assert (slug == name) == (name in ("inbox", "in-box", "x" * 32))
