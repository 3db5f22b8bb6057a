"""Sets against a statement of `latest` and `queue` in a few lines of Python, for any order of events and engines."""

from __future__ import annotations

import tempfile
from collections import deque
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from .bench import Bench
from .flows import all_of, event, flow, with_options


def expected(names, sequence, queue):
    """The sets, each as the numbers of its events in the order of `names`."""
    held = {name: deque() for name in names}
    found = []
    for number, name in enumerate(sequence):
        if name not in held:
            continue
        if not queue:
            held[name].clear()
        held[name].append(number)
        if all(held.values()):
            found.append([held[item].popleft() for item in names])
    return found


@settings(max_examples=25)
@given(
    count=st.integers(2, 4),
    sequence=st.lists(st.sampled_from("abcdz"), max_size=15),
    queue=st.booleans(),
    turns=st.lists(st.integers(0, 1), max_size=25),
)
def test_sets_are_what_the_semantics_say_whoever_reads(count, sequence, queue, turns):
    names = "abcd"[:count]
    trigger = with_options(all_of(*(event(name) for name in names)), join="queue" if queue else "latest")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), flow("A", trigger))
        engines = [bench.engine(), bench.engine()]
        for number, name in enumerate(sequence):
            bench.emit(name, {"n": number}, str(number))
            if number < len(turns):
                engines[turns[number]].turn()
        for engine in engines:
            engine.run(until_idle=True)
        found = [[item["n"] for item in payloads] for payloads in bench.payloads()]
        bench.close()
    assert found == expected(names, sequence, queue)
