"""Poll triggers are a part of what `compile` writes and `diff` compares: none goes silently, each change is told."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from metaflow_triggers.compiling.folder import INDEX
from metaflow_triggers.reports.json import JSON_SCHEMA

from ..commands.conftest import Done, Run, run  # noqa: F401 - a fixture
from ..commands.warm import warm
from .test_command import FLOW

IMPORT = "from metaflow_triggers.poll import TriggerResult, trigger\n"
POLL = """
@trigger(workflow="Mp", name="{name}"{more})
def look_{name}():
    return TriggerResult.skip()
"""
FOLDER = ("--backend", "argo-workflows", "--no-code-package")


def write(path: Path, flow: bool, **polls: str) -> None:
    written = IMPORT + "".join(POLL.format(name=name, more=more) for name, more in polls.items())
    path.write_text(FLOW.format(name="Mp", decorators=written + "\n") if flow else written)


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as command:
        yield command


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, triggers: Run) -> Path:
    folder = tmp_path_factory.mktemp("once")
    (folder / "flows").mkdir()
    write(folder / "flows/flow.py", True, one="")
    write(folder / "flows/polls.py", False, two="")
    assert compiled(triggers, folder, "flows").code == 0
    return folder


@pytest.fixture
def project(tmp_path: Path, once: Path) -> Path:
    """A flow with a poll trigger of its own and one of another file, compiled."""
    return Path(shutil.copytree(once, tmp_path, dirs_exist_ok=True))


def compiled(triggers: Run, folder: Path, *arguments: str) -> Done:
    return triggers("compile", *arguments, *FOLDER, "--output", "out", cwd=folder)


def polled(folder: Path) -> list[str]:
    texts = [path.read_text() for path in (folder / "out/argo-workflows/mp").glob("poll-*.yaml")]
    return sorted(name for name in ("one", "two") for text in texts if f'"name": "{name}"' in text.replace('\\"', '"'))


def test_a_poll_of_a_file_that_was_not_read_is_not_ended(
    project: Path,
    triggers: Run,
    run: Run,  # noqa: F811
) -> None:
    before = {path: path.read_bytes() for path in (project / "out").rglob("*") if path.is_file()}
    done = compiled(triggers, project, "flows/flow.py")
    assert done.code == 1
    assert (
        "error[FT515]: poll trigger `two` of `flows/polls.py` starts `Mp` and stands in `out`; this command" in done.err
    )
    assert "compile both: metaflow-triggers compile --backend argo-workflows --output out flows" in done.err
    assert {path: path.read_bytes() for path in (project / "out").rglob("*") if path.is_file()} == before
    assert polled(project) == ["one", "two"]
    done = triggers("compile", "flows/flow.py", *FOLDER, "--output", "out", "--check", cwd=project)
    assert done.code == 1 and "FT515" in done.err
    one = ("flows/flow.py", "argo-workflows", "compile", "--no-code-package", "--output", "out")
    done = run(*one, cwd=project)
    assert done.code == 1 and "poll trigger `two`" in done.err
    (project / "flows/polls.py").write_text("")
    done = run(*one, cwd=project)
    assert done.code == 0 and "\nremoved the poll two of Mp: flows/polls.py no longer has it\n" in done.err


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("deleted", "is not there any more"),
        ("emptied", "no longer has it"),
        ("emptied, not given", "no longer has it"),
        ("excluded", "is excluded by the project file"),
    ],
)
def test_a_poll_that_is_gone_goes_and_is_named(project: Path, triggers: Run, how: str, why: str) -> None:
    if how == "deleted":
        (project / "flows/polls.py").unlink()
    elif how == "excluded":
        (project / "metaflow-triggers.toml").write_text('id = "shop"\nexclude = ["flows/polls.py"]\n')
    else:
        (project / "flows/polls.py").write_text("")
    done = compiled(triggers, project, "flows/flow.py" if "not given" in how else "flows", "--format", "json")
    assert done.code == 0, done.out
    value = json.loads(done.out)
    Draft202012Validator(JSON_SCHEMA).validate(value)
    told = {"poll": "two", "flow": "Mp", "backend": "argo-workflows", "why": f"flows/polls.py {why}"}
    assert value["files"]["polls_gone"] == [told]
    assert polled(project) == ["one"]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_poll_of_a_file_that_was_not_read_is_not_said_to_be_gone(
    project: Path,
    triggers: Run,
    run: Run,  # noqa: F811
    recorded: bool,
) -> None:
    if not recorded:
        index = json.loads((project / "out" / INDEX).read_text())
        del index["flows"]["argo-workflows/mp"]["polls"]
        (project / "out" / INDEX).write_text(json.dumps(index))
    part = ("diff", "flows/flow.py", "--against", "out", *FOLDER)
    one = ("flows/flow.py", "argo-workflows", "diff", "--no-code-package", "--against", "out")
    said = "poll trigger `two` of `flows/polls.py` starts `Mp` and stands in `out`; this command has not read that"
    for done in (triggers(*part, cwd=project), run(*one, cwd=project)):
        assert f"warning[FT515]: {said} file, and says nothing of its polls" in done.err
        assert "compare both: metaflow-triggers diff --backend argo-workflows --against out flows" in done.err
        assert "is no longer polled" not in done.out and "the triggers are the same" in done.out
    page = triggers(*part, "--format", "html", cwd=project)
    assert "look_two" not in page.out and "poll-removed" not in page.out
    changes = json.loads(triggers(*part, "--format", "json", cwd=project).out)["changes"]
    assert changes == []
    write(project / "flows/flow.py", True, other="")
    found = triggers(*part, "--format", "json", cwd=project)
    assert {item["kind"] for item in json.loads(found.out)["changes"]} == {"poll-added", "poll-removed"}
    assert "by two" not in found.out and "by one" in found.out
    for text in ("", None):  # its file was read, or there is none: it is gone
        (project / "flows/polls.py").write_text(text) if text is not None else (project / "flows/polls.py").unlink()
        done = triggers("diff", "flows", "--against", "out", *FOLDER, cwd=project)
        assert "Mp is no longer polled by two" in done.out and "FT515" not in done.err


CHANGES = {
    "a poll less": ({"one": ""}, {}, ["Mp is no longer polled by two"]),
    "a poll more": (
        {"one": "", "new": ", poll_interval='2h', allow_concurrent=True"},
        {"two": ""},
        ["Mp is now polled by new (every 2h, also while it runs)"],
    ),
    "another interval": ({"one": ", poll_interval='2h'"}, {"two": ""}, ["Mp is polled by one every 2h instead of 5s"]),
    "concurrent": (
        {"one": ", allow_concurrent=True"},
        {"two": ""},
        ["Mp now also starts by the poll one while it runs"],
    ),
    "once": (
        {"one": ", dedup='once', dedup_keys=['a']"},
        {"two": ""},
        [
            'Mp has the dedup "once" of the poll one instead of "active"',
            "Mp is told apart by a of what one finds instead of all keys",
        ],
    ),
    "another name": ({"1st": ""}, {"two": ""}, ["Mp is now polled by 1st (every 5s)", "Mp is no longer polled by one"]),
}


@pytest.mark.parametrize("recorded", [True, False])
def test_what_changes_of_polls_is_told(project: Path, triggers: Run, recorded: bool) -> None:
    """`recorded`: in the index; an earlier version recorded none, and its files tell."""
    index = json.loads((project / "out" / INDEX).read_text())
    assert [poll["name"] for poll in index["flows"]["argo-workflows/mp"]["polls"]] == ["one", "two"]
    if not recorded:
        del index["flows"]["argo-workflows/mp"]["polls"]
        (project / "out" / INDEX).write_text(json.dumps(index))

    def diff(form: str = "text") -> Done:
        return triggers("diff", "flows", "--against", "out", *FOLDER, "--format", form, cwd=project)

    assert diff().out == "no difference\n"
    for case, (own, other, words) in CHANGES.items() if recorded else [next(iter(CHANGES.items()))]:
        write(project / "flows/flow.py", True, **own)
        write(project / "flows/polls.py", False, **other)
        done = diff()
        assert (done.code, done.out.split("\n\n")[0].splitlines()) == (1, words), (case, done.err)
    told = [change["text"] for change in json.loads(diff("json").out)["changes"]]
    assert told == words
    assert all(f"- {text}\n" in diff("markdown").out for text in words)
    if recorded:
        assert "is now polled by 1st" in diff("html").out
        done = triggers("compile", "flows", *FOLDER, "--output", "out", "--check", cwd=project)
        assert "`out` is stale: Mp is no longer polled by one" in done.err


def test_a_new_flow_that_only_a_poll_starts(project: Path, triggers: Run) -> None:
    index = json.loads((project / "out" / INDEX).read_text())
    (project / "out" / INDEX).write_text(json.dumps({**index, "flows": {}}))
    done = triggers("diff", "flows", "--against", "out", *FOLDER, cwd=project)
    starts = "it starts when poll one fires (every 5s); or when poll two fires (every 5s)"
    assert done.out.startswith(f"Mp is new: {starts}\n")


def test_a_poll_of_a_flow_that_is_refused_or_misspelt_is_told_of_nothing_else(tmp_path: Path, triggers: Run) -> None:
    """FT511 says to name the file of the flow: it is named."""
    (tmp_path / "polls.py").write_text(IMPORT + POLL.format(name="one", more="").replace('"Mp"', '"shop.mp"'))
    good = FLOW.format(name="Mp", decorators="@project(name='shop')")
    for text, code in (
        (good.replace("self.next(self.end)", "pass"), "FT123"),
        (good.replace("self.next(self.end)", "self.next("), "FT120"),
        (good.replace("Mp", "Pm"), "FT717"),
    ):
        (tmp_path / "flow.py").write_text(text)
        done = triggers("check", ".", cwd=tmp_path)
        assert re.findall(r"^\w+\[(\w+)\]", done.err, re.M) == [code], done.err
    (tmp_path / "flow.py").write_text(good.replace("Mp", "Other"))
    done = triggers("check", ".", "--external-flow", "Mp", cwd=tmp_path)
    assert re.findall(r"^\w+\[(\w+)\]", done.err, re.M) == ["FT511", "FT511"], done.err
