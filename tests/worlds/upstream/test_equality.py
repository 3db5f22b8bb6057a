"""What upstream also makes equals upstream's, but for `differences.json`; an entry of it that no flow needs fails."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from .compare import apply, differences
from .conftest import CASES, OF_BACKEND

ENTRIES = json.loads((Path(__file__).parent / "differences.json").read_text("utf-8"))


def entries(backend: str) -> list[dict[str, Any]]:
    return [entry for entry in ENTRIES if entry["backend"] == backend]


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_equals_upstream_but_for_the_listed_differences(documents: Any, backend: str, name: str) -> None:
    upstream, ours = documents(name, backend)
    upstream, ours, _ = apply(upstream, ours, entries(backend))
    assert differences(upstream, ours) == []


@pytest.mark.parametrize("backend", OF_BACKEND)
def test_every_listed_difference_occurs(documents: Any, backend: str) -> None:
    occurred = [False] * len(entries(backend))
    for _, name in [case for case in CASES if case[0] == backend]:
        _, _, used = apply(*documents(name, backend), entries(backend))
        occurred = [one or other for one, other in zip(occurred, used, strict=True)]
    assert [entry["path"] for entry, one in zip(entries(backend), occurred, strict=True) if not one] == []


def test_every_entry_is_whole() -> None:
    needed = {
        "replace": {"upstream", "ours"},
        "remove": {"upstream"},
        "add": {"ours"},
        "json": set(),
        "moved": set(),
        "text": set(),
        "float": set(),
        "renamed": {"ours"},
    }
    for entry in ENTRIES:
        assert entry.keys() == {"backend", "kind", "path", "reason"} | needed[entry["kind"]], entry
        assert entry["reason"].endswith("."), entry


CHANGES = {
    "step-functions": [
        (("definition", "TimeoutSeconds"), 60),
        (("definition", "States", "start", "Parameters", "RetryStrategy", "attempts"), 9),
        (("job_definitions", "end", "propagateTags"), False),
        (("job_definitions", "end", "tags", "more"), "x"),
    ],
    "argo-workflows": [
        (("spec", "parallelism"), 3),
        (("metadata", "labels", "more"), "x"),
        (("spec", "templates", "name=end", "container", "image"), "other"),
    ],
}


@pytest.mark.parametrize("backend", OF_BACKEND)
def test_any_other_difference_is_found(documents: Any, backend: str) -> None:
    upstream, ours = documents("finish_any", backend)
    for path, value in CHANGES[backend]:
        changed = copy.deepcopy(ours)
        parent = changed
        for part in path[:-1]:
            parent = parent[part]
        parent[path[-1]] = value
        assert differences(*apply(upstream, changed, entries(backend))[:2]) != [], path


@pytest.mark.parametrize("backend", OF_BACKEND)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" && flush_mflogs && ", " && "),
        (" init --run-id ", " init --tag x --run-id "),
        ("python flow.py dump ", "python flow.py dump --quiet "),
        (".plugins.launcher ", ".plugins.other "),
        ("_parameters/", "_other/"),
    ],
)
def test_any_other_difference_in_the_command_of_the_start_step_is_found(
    documents: Any, backend: str, before: str, after: str
) -> None:
    upstream, ours = documents("finish_any", backend)
    if backend == "step-functions":
        command = ours["definition"]["States"]["start"]["Parameters"]["ContainerOverrides"]["Command"]
    else:
        command = ours["spec"]["templates"]["name=start"]["container"]["command"]
    whole = command[2]
    assert before in whole
    try:
        command[2] = whole.replace(before, after, 1)
        assert differences(*apply(upstream, ours, entries(backend))[:2]) != []
    finally:
        command[2] = whole
