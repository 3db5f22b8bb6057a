"""Hostile texts wherever a user writes one: accepted exactly or refused with a code, and never interpreted.

A flow with the hostile text compiles to what the same flow with a harmless text compiles to, but for leaves: there it
stands as itself, or escaped by an escape whose own tests run the language it is for. Where it only lends its name to
something, that name has harmless characters.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from typing import Any

import pytest
from metaflow_triggers.backends.argo.compile import escape

from ..commands.conftest import clean
from . import flows
from .hostile import TEXTS

HARMLESS = "zqzq"
PLACES = {
    "event": "@trigger(event={0})",
    "event in a dict": "@trigger(events=[{{'name': {0}}}, 'b'], require='any')",
    "event from a function": "@trigger(event=lambda context: {0})",
    "flow": "@trigger_on_finish(flow={0})",
    "project of a flow": "@trigger_on_finish(flow={{'name': 'F', 'project': {0}, 'project_branch': 'prod'}})",
    "branch of a flow": "@trigger_on_finish(flow={{'name': 'F', 'project': 'p', 'project_branch': {0}}})",
    "field": "@trigger(event={{'name': 'a', 'parameters': {{'needed': {0}}}}})",
    "parameter": "@trigger(event={{'name': 'a', 'parameters': {{{0}: 'x', 'needed': 'y'}}}})",
    "constant": "@trigger(event={{'name': 'a', 'parameters': {{'needed': {{'value': {0}}}}}}})",
    "nested constant": "@trigger(event={{'name': 'a', 'parameters': {{'needed': {{'value': {{{0}: [{0}]}}}}}}}})",
    "filtered value": "@trigger(event={{'name': 'a', 'parameters': ['needed'], 'filter': {{'x': [{0}]}}}})",
    "filtered prefix": "@trigger(event={{'name': 'a', 'parameters': ['needed'],"
    " 'filter': {{'x': [{{'prefix': {0}}}]}}}})",
    "filtered field": "@trigger(event={{'name': 'a', 'parameters': ['needed'], 'filter': {{{0}: ['x']}}}})",
    "operator": "@trigger(event={{'name': 'a', 'parameters': ['needed'], 'filter': {{'x': [{{{0}: 'x'}}]}}}})",
    "origin": "@trigger(event={{'name': 'a', 'parameters': ['needed'], 'origin': {{'step-functions': {{'source': {0},"
    " 'detail-type': {0}}}}}}})",
    "key": "@trigger(event={{'name': 'a', 'parameters': ['needed'], {0}: 1}})",
    "option": "@trigger(event={{'name': 'a', 'parameters': ['needed']}}, options={{{0}: 1}})",
    "bus": "@trigger(event={{'name': 'a', 'parameters': ['needed']}}, options={{'step-functions': {{'bus': {0}}}}})",
    "match": "@trigger_on_finish(flow='F', match={0}, parameters={{'needed': 'run_id'}})",
    "require": "@trigger(events=[{{'name': 'a', 'parameters': ['needed']}}, 'b'], require={0})",
    "cron": "@schedule(cron={0})",
    "timezone": "@schedule(daily=True, timezone={0})",
}
BODY = "    needed = Parameter('needed', default='')\n"
REQUIRED = "    needed = Parameter('needed', required=True)\n"  # so that both clouds look for the field
# With the harmless text these are wrong already, so that no text may be right that is not in the list.
CLOSED = {
    "parameter": ("needed",),
    "operator": ("prefix", "suffix"),
    "key": (),
    "option": (),
    "match": ("success", "failure", "timeout", "aborted", "finish"),
    "require": ("any", "all"),
    "cron": ("",),  # no schedule, as Metaflow has it
    "timezone": (),
}
READ = """
import dataclasses, json, os, sys
os.environ["METAFLOW_TRIGGERS_OFFLINE"] = "1"
from pathlib import Path
import metaflow
from metaflow_triggers import seams
from metaflow_triggers.backends import registry
from metaflow_triggers.compiling.compile import ReadFlow, compile_flows
from metaflow_triggers.reading.one_file import _import
from metaflow_triggers.reading.flow import read_flow
from metaflow_triggers.reading.source import SourceFile
settings = seams.read_settings(code_package=False)
out = {}
for file in sorted(name for name in os.listdir(".") if name.endswith(".py")):
    source = SourceFile(file, Path(file).read_text("utf-8"))
    for cls in seams.flow_classes(_import(file, Path(file).resolve())[0]):
        # As Metaflow's command line does it, without a command line: that takes a quarter of a second a flow.
        flow = cls(use_cli=False)
        for _, parameter in seams.flow_parameters(flow):
            parameter.init()
        for decorator in seams.flow_decorators(flow, "schedule"):
            decorator.flow_init(flow, None, None, None, None, None, None, {})
        model, found = read_flow(flow, source, settings, ())
        model = dataclasses.replace(model, name="Same")  # so that nothing but the text differs
        answer = {"read": [[item.code, item.severity] for item in found], "compiled": {}}
        for name in registry.names():
            done = compile_flows([ReadFlow(model)], settings, [name], project_wide=False)
            codes = [item.code for item in done.diagnostics if item.code not in ("FT113", "FT114")]
            files = [[file.path, file.text] for file in done.files]
            answer["compiled"][name] = {"codes": codes, "files": files}
        out[cls.__name__] = answer
json.dump(out, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Any]:
    """What each place makes of each text; the harmless one is number -1."""
    folder = tmp_path_factory.mktemp("hostile")
    for number, text in [(-1, HARMLESS), *enumerate(TEXTS)]:
        tag = "Harmless" if number < 0 else f"N{number}"
        given = {f"Place{place}{tag}": PLACES[name].format(repr(text)) for place, name in enumerate(PLACES)}
        field = f"Place{list(PLACES).index('field')}{tag}"
        flows.write(folder / f"r{tag.lower()}.py", {field: given.pop(field)}, REQUIRED)
        flows.write(folder / f"f{tag.lower()}.py", given, BODY)
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=folder, env=clean(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix != ".py") in ([], [""]), "a text was run"
    read = json.loads(done.stdout)
    out = {}
    for place, name in enumerate(PLACES):
        for number in range(-1, len(TEXTS)):
            flow = f"Place{place}{'Harmless' if number < 0 else f'N{number}'}"
            out[name, number] = {**read[flow], "flow": flow}
    return out


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Every leaf by its path; keys are numbered, as they may be derived from names."""
    if isinstance(value, dict):
        items = enumerate(value.items())
        return {
            inner: leaf
            for place, (key, below) in items
            for inner, leaf in [((*path, place), key), *leaves(below, (*path, place, "of")).items()]
        }
    if isinstance(value, list):
        return {
            inner: leaf for place, below in enumerate(value) for inner, leaf in leaves(below, (*path, place)).items()
        }
    return {path: value}


def is_same(harmless: Any, hostile: Any, text: str) -> bool:
    """Whether a leaf is the harmless one with the text in the place of the harmless text, and nothing more."""
    if harmless == hostile or (harmless == HARMLESS and hostile == text):
        return True
    if not (isinstance(harmless, str) and isinstance(hostile, str)):
        return False
    if harmless.startswith("event a has no field ") and harmless.replace(HARMLESS, text) == hostile:
        return True  # a sentence for people
    # Metaflow's name of a flow on Argo is a part of its own name.
    spellings = (text, re.sub(r"[_@+]", "", text).lower()) if re.fullmatch(r"[\w.@+-]*", text) else (text,)
    for encode in (
        escape.lua_string,
        escape.go_string,
        escape.jq_string,
        lambda item: escape.jq_string(escape.go_regexp_body(item))[1:-1],
        lambda item: item.replace("\\", "\\\\").replace("'", "\\'"),  # in a JSONPath, ['...']
        lambda item: escape.go_regexp(item)[1:-1],
        lambda item: escape.go_string(item)[1:-1],
        lambda item: json.dumps(item, ensure_ascii=False),
        json.dumps,
        lambda item: base64.b64encode(item.encode("utf-8", "surrogatepass")).decode(),
    ):
        if HARMLESS in harmless and hostile in (harmless.replace(encode(HARMLESS), encode(one)) for one in spellings):
            return True
    try:
        one, other = json.loads(harmless), json.loads(hostile)
    except ValueError:
        pass
    else:
        if isinstance(one, (dict, list)):
            return is_same_tree(one, other, text)
    if HARMLESS in harmless and re.fullmatch(r"[A-Za-z0-9_./-]*", text):  # beside the name also the text, as of a bus
        harmless = harmless.replace(HARMLESS, text)
    # What only lends its name: a readable part of harmless characters, and a hash.
    if harmless == hostile:
        return True
    # An expression over such names keeps its operators.
    words = [re.split(r"\s*(\|\||&&|[()])\s*", one) for one in (harmless, hostile)]
    if len(words[0]) == len(words[1]) > 1 and words[0][1::2] == words[1][1::2]:
        return all(re.fullmatch(r"[a-z0-9]*", word) for word in words[1][::2])
    prefix = next((n for n, (a, b) in enumerate(zip(harmless, hostile, strict=False)) if a != b), len(harmless))
    return re.fullmatch(r"[A-Za-z0-9_.-]{0,80}", hostile[prefix:]) is not None and len(hostile) <= 300


def is_same_tree(harmless: Any, hostile: Any, text: str) -> bool:
    one, other = leaves(harmless), leaves(hostile)
    return one.keys() == other.keys() and all(is_same(one[path], other[path], text) for path in one)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_place(place: str, answers: dict[tuple[str, int], Any]) -> None:
    import yaml

    harmless = answers[place, -1]
    accepted = 0
    for number, text in enumerate(TEXTS):
        answer = answers[place, number]
        refused = [code for code, severity in answer["read"] if severity in ("", "error")]
        assert "FT900" not in refused
        if refused:
            continue
        if place in CLOSED:
            assert text in CLOSED[place] or all(set(item["codes"]) for item in answer["compiled"].values()), (
                place,
                text,
            )
            continue
        for backend, compiled in answer["compiled"].items():
            if compiled["codes"]:
                continue
            accepted += 1
            if place == "field" and "." in text:
                continue  # a path of several keys is looked for in more places; their escapes are the same
            assert not harmless["compiled"][backend]["codes"], (backend, text, "refused only when harmless")
            trees = [
                [yaml.load(content, yaml.CSafeLoader) for _, content in one["compiled"][backend]["files"]]
                for one in (harmless, answer)
            ]
            assert len(trees[0]) == len(trees[1])
            for first, second in zip(*trees, strict=True):
                one, other = leaves(first), leaves(second)
                assert one.keys() == other.keys(), (backend, text)
                for path in one:
                    assert is_same(one[path], other[path], text), (backend, text, path, one[path], other[path])
    if place == "field":
        shown = json.dumps(harmless["compiled"])
        assert f'payload[\\\\\\"{HARMLESS}' in shown or f'payload[\\"{HARMLESS}' in shown, (
            "the Sensor does not look for it"
        )
    if place in ("event", "field", "constant"):
        assert accepted >= 2, "nothing was accepted: the test would not see a fault"


def test_there_are_sixty() -> None:
    assert len(set(TEXTS)) >= 60
