"""Names: valid and injective over pairs that are made to look alike."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

import pytest
from metaflow_triggers.backends.argo.compile import names as argo
from metaflow_triggers.backends.step_functions.compile import names as aws
from metaflow_triggers.model import names

Pair = tuple[str, str]
LABEL = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
NAMES: dict[str, tuple[Callable[[str, str], str], str]] = {
    "dns_label": (names.dns_label, LABEL),
    "word": (names.word, r"[a-z][a-z0-9]{0,39}"),
    "aws_name": (names.aws_name, r"[A-Za-z0-9_-]{1,64}"),
    "logical_id": (names.logical_id, r"[A-Za-z][A-Za-z0-9]{0,254}"),
    "argo sensor": (lambda one, two: argo.sensor_name(f"{one}.{two}"), LABEL),
    "argo token": (lambda one, two: argo.token_secret(f"{one}.{two}"), LABEL),
    "aws rule": (lambda one, two: aws.rule_name(one, "events", two, "1"), r"[A-Za-z0-9_.-]{1,64}"),
    "aws starter": (lambda one, two: aws.starter_name(f"{one}.{two}"), r"[A-Za-z0-9_.-]{1,80}"),
    "aws queue": (lambda one, two: aws.queue_name(f"{one}.{two}"), r"[A-Za-z0-9_-]{1,80}"),
    "aws job": (lambda one, two: aws.job_definition_name(one, two), r"[A-Za-z0-9_-]{1,128}"),
    "aws role": (lambda one, two: aws.role_name(one, two, "eu-west-1"), r"[A-Za-z0-9_-]{1,64}"),
}


def _text(generator: random.Random) -> str:
    length = generator.choice((1, 2, 3, 8, 20, 40, 80, 128))
    return "".join(generator.choices("aAbB1_-.é", k=generator.randint(1, length)))


def _alike(generator: random.Random, text: str) -> str:
    """A text that sanitising, lower-casing or cutting would make equal to `text`."""
    how = generator.randrange(6)
    place = generator.randrange(len(text) + 1)
    if how == 0:
        return text.swapcase()
    if how == 1:
        return text.translate(str.maketrans(".-_", "-_."))
    if how == 2:
        return text[:place] + generator.choice(".-_é ") + text[place:]
    if how == 3:
        return text + generator.choice("aA-._1")
    if how == 4:
        return text[::-1]
    return text[:place] + text[place + 1 :] or "x"


def pairs(count: int, seed: int) -> Iterator[tuple[Pair, Pair]]:
    generator = random.Random(seed)
    for _ in range(count):
        one, two = _text(generator), _text(generator)
        joined = one + two
        cut = generator.randrange(1, len(joined))
        other = generator.choice(
            ((_alike(generator, one), two), (one, _alike(generator, two)), (joined[:cut], joined[cut:]))
        )
        yield (one, two), other


def campaign(count: int, seed: int, only: str) -> int:
    make, valid = NAMES[only]
    pattern = re.compile(valid)
    known: dict[str, Pair | str] = {}
    different = 0
    for pair, other in pairs(count, seed):
        made = []
        for parts in (pair, other):
            name = make(*parts)
            assert pattern.fullmatch(name), (only, parts, name)
            # Names of a deployed name depend on it as a whole, wherever it was put together.
            exact: Pair | str = (
                ".".join(parts) if only in ("argo sensor", "argo token", "aws starter", "aws queue") else parts
            )
            assert known.setdefault(name, exact) == exact, (only, known[name], exact, name)
            made.append((exact, name))
        assert (made[0][0] == made[1][0]) == (made[0][1] == made[1][1])
        different += made[0][0] != made[1][0]
        if len(known) > 200_000:
            known.clear()
    return different


@pytest.mark.parametrize("only", NAMES, ids=str)
def test_two_thousand_pairs_of_each(only: str) -> None:
    assert campaign(2_000, 1, only) > 1_500


@pytest.mark.long
@pytest.mark.parametrize("only", NAMES, ids=str)
def test_a_hundred_thousand_pairs_of_each(only: str) -> None:
    """1,100,000 pairs over the eleven kinds of names."""
    assert campaign(100_000, 2, only) > 75_000
