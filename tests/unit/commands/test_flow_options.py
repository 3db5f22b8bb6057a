"""Options of the flows' own command lines, given to commands over many flows; and for which backend a flow compiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..reading.many import flow, guard, write
from .conftest import Done, Run

HEAD = (
    "from metaflow import (\n    Config, FlowMutator, FlowSpec, Parameter, batch, config_expr, emit_event,\n"
    "    kubernetes, project, retry, step, timeout, trigger, trigger_on_finish,\n)\n"
)
CONFIGURED = "@trigger(event=config_expr('cfg.event'))"
BODY = (
    "\n    cfg = Config('cfg', required=True)\n    @step\n    def start(self):\n        self.next(self.end)\n"
    "    @step\n    def end(self):\n        pass\n"
)
USER = {"METAFLOW_USER": "ada"}


def on(decorator: str) -> str:
    """The steps of a flow, the first with a decorator."""
    return (
        f"\n    {decorator}\n    @step\n    def start(self):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n"
    )


def found(done: Done) -> list[dict[str, Any]]:
    """The diagnostics of a command with `--format json`, but for notes."""
    return [item for item in json.loads(done.out)["diagnostics"] if item["severity"] != "note"]


def told(done: Done) -> list[tuple[str, str]]:
    return [(item["code"], item["message"]) for item in found(done)]


def under(item: dict[str, Any], folder: Path) -> str:
    """The text under the caret."""
    line = (folder / item["span"]["file"]).read_text("utf-8").splitlines()[item["span"]["line"] - 1]
    return line[item["span"]["column"] - 1 : item["span"]["end_column"] - 1]


def starts(done: Done) -> dict[str, list[str]]:
    return {item["flow"]: [one["when"] for one in item["starts"]] for item in json.loads(done.out)["graph"]["flows"]}


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "a.py": HEAD + flow("A", above=CONFIGURED, body=BODY),
            "b.py": HEAD + flow("B", above=CONFIGURED.replace("cfg", "two"), body=BODY.replace("cfg", "two")),
            "c.py": HEAD + flow("C"),
        },
    )
    (tmp_path / "two.json").write_text('{"event": "two-came"}')
    return tmp_path


def check(triggers: Run, folder: Path, *options: str, **settings: str) -> Done:
    return triggers("check", ".", "--format", "json", *options, cwd=folder, settings={**USER, **settings})


CFG = ("--config-value", "cfg", '{"event": "one-came"}')
TWO = ("--config", "two", "two.json")


def test_a_config_without_a_value_is_named_with_the_way_to_give_it(triggers: Run, configured: Path) -> None:
    done = check(triggers, configured)
    assert done.code == 1
    assert told(done) == [
        ("FT126", "`A` needs a value for its Config `cfg`"),
        ("FT126", "`B` needs a value for its Config `two`"),
    ]
    first = found(done)[0]
    assert under(first, configured) == "cfg"
    assert first["helps"] == ["give it: `--config-value cfg JSON` or `--config cfg FILE`"]


@pytest.mark.parametrize("command", ["check", "list", "simulate"])
def test_configs_go_to_the_flows_that_have_them(command: str, triggers: Run, configured: Path) -> None:
    (configured / "events.json").write_text("[]")
    more = ("--events", "events.json") if command == "simulate" else ()
    done = triggers(command, ".", *CFG, *TWO, *more, cwd=configured, settings=USER)
    assert done.code == 0, done.err
    if command != "simulate":
        assert "event one-came arrives" in done.out and "event two-came arrives" in done.out


def test_the_environments_configs_go_to_the_flows_that_have_them(triggers: Run, configured: Path) -> None:
    values = json.dumps({"cfg": {"event": "ambient"}})
    files = json.dumps({"two": "two.json"})
    done = check(triggers, configured, METAFLOW_FLOW_CONFIG_VALUE=values, METAFLOW_FLOW_CONFIG=files)
    assert starts(done) == {"A": ["event ambient arrives"], "B": ["event two-came arrives"], "C": []}, done.out
    done = check(triggers, configured, *CFG, METAFLOW_FLOW_CONFIG_VALUE=values, METAFLOW_FLOW_CONFIG=files)
    assert starts(done)["A"] == ["event one-came arrives"]


def test_what_is_said_for_one_flow_counts(triggers: Run, configured: Path) -> None:
    own = 'A=--config-value cfg \'{"event": "own"}\''
    done = check(triggers, configured, *CFG, *TWO, "--flow-option", own)
    assert done.code == 0 and starts(done)["A"] == ["event own arrives"], done.out


@pytest.mark.parametrize(
    ("options", "message", "helps"),
    [
        (("--config-value", "cgf", "{}"), "`--config-value cgf`: no flow of these files has such a Config", "cfg"),
        (("--flow-option", "AA=--with retry"), "`--flow-option AA=...`: these files define no such flow", None),
        (("--flow-option", "C=--wiht retry"), "`C`: no such option: --wiht", None),
        (("--flow-option", "C=--with retry show"), "`C`: `show` is no option", None),
        (("--flow-option", "C=step-functions delete"), "`C`: `step-functions` is no option", None),
        (("--flow-option", "A=--config-value cfg {"), "`A`: Bad values passed for configuration options", None),
        (("--with", "no_such"), "Metaflow refuses `C`: ", None),
        (("--environment", "moon"), "`C`: Invalid value for ", None),
    ],
    ids=["Config", "flow", "option", "command", "another command", "value", "decorator", "environment"],
)
def test_options_that_do_not_fit_are_told_in_the_command_lines_own_words(
    options: tuple[str, ...], message: str, helps: str | None, triggers: Run, configured: Path
) -> None:
    done = check(triggers, configured, *CFG, *TWO, *options)
    assert done.code == 1
    items = [item for item in found(done) if item["message"].startswith(message)]
    assert len(items) == 1, done.out
    assert "exit code" not in done.out
    if helps:
        assert helps in items[0]["helps"][0]


@pytest.mark.parametrize("text", ["A", "A=", "=--with retry", "A=--with 'retry", "a b=--with retry"])
def test_a_flow_option_is_a_flow_and_options(text: str, triggers: Run, configured: Path) -> None:
    done = check(triggers, configured, "--flow-option", text)
    assert done.code == 2 and "--flow-option" in done.err


def test_decorators_and_environment_reach_what_is_compiled_and_the_index(triggers: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a.py": HEAD + flow("A", above="@trigger(event='go')"), "b.py": HEAD + flow("B")})
    common = ("compile", ".", "--no-code-package", "--backend", "argo-workflows", "--output", "out")
    done = triggers(*common, "--flow-option", "B=--with retry:times=3", cwd=tmp_path, settings=USER)
    assert done.code == 0, done.err
    index = json.loads((tmp_path / "out/metaflow-triggers.json").read_text())
    assert index["inputs"]["argo-workflows/b"]["options"] == "--with retry:times=3"
    assert "options" not in index["inputs"]["argo-workflows/a"]
    text = (tmp_path / "out/argo-workflows/b/workflowtemplate.yaml").read_text()
    assert "--with retry:times=3" in text and "--max-user-code-retries 3" in text
    assert "retry:" not in (tmp_path / "out/argo-workflows/a/workflowtemplate.yaml").read_text()
    done = triggers(
        "diff", ".", "--no-code-package", "--backend", "argo-workflows", "--against", "out", cwd=tmp_path, settings=USER
    )
    assert done.code == 1 and "input options differs: was --with retry:times=3, is unset" in done.out, (
        done.out + done.err
    )


def test_a_flow_compiles_for_the_backend_that_its_steps_ask_for(triggers: Run, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.py": HEAD + flow("OnBatch", above="@trigger(event='m')", body=on("@batch(cpu=2)")),
            "k.py": HEAD + flow("OnKubernetes", above="@trigger(event='m')", body=on("@kubernetes(cpu=2)")),
            "p.py": HEAD + flow("Plain"),
        },
    )
    for command in (("check", "."), ("compile", ".", "--no-code-package", "--output", "out")):
        done = triggers(*command, cwd=tmp_path, settings=USER)
        assert done.code == 0, done.err
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.yaml")}
    assert {name for name in written if name.startswith("step-functions/")} == {
        "step-functions/OnBatch.yaml",
        "step-functions/Plain.yaml",
    }
    folders = {name.split("/")[1] for name in written if name.startswith("argo-workflows/")}
    assert {"onkubernetes", "plain"} <= folders and "onbatch" not in folders
    done = triggers("diff", ".", "--no-code-package", "--against", "out", cwd=tmp_path, settings=USER)
    assert done.code == 0, done.out + done.err
    chosen = [
        triggers(word, ".", "--backend", "argo-workflows", "--format", "json", *more, cwd=tmp_path, settings=USER)
        for word, *more in (["check"], ["compile", "--no-code-package"])
    ]
    assert told(chosen[0]) == told(chosen[1]) and [code for code, _ in told(chosen[0])] == ["FT123"]
    assert under(found(chosen[0])[0], tmp_path) == "batch(cpu=2)"


def test_a_flow_that_changes_its_backend_leaves_nothing_behind(triggers: Run, tmp_path: Path) -> None:
    write(tmp_path, {"f.py": HEAD + flow("F", above="@trigger(event='m')")})
    command = ("compile", ".", "--no-code-package", "--output", "out")
    assert triggers(*command, cwd=tmp_path, settings=USER).code == 0
    write(tmp_path, {"f.py": HEAD + flow("F", above="@trigger(event='m')", body=on("@batch"))})
    done = triggers("diff", ".", "--no-code-package", "--against", "out", cwd=tmp_path, settings=USER)
    assert done.code == 1 and "argo-workflows" in done.out
    assert triggers(*command, cwd=tmp_path, settings=USER).code == 0
    assert not (tmp_path / "out/argo-workflows/f").exists()
    index = json.loads((tmp_path / "out/metaflow-triggers.json").read_text())
    assert "argo-workflows/f" not in {**index["inputs"], **index["flows"]}


@pytest.mark.parametrize(
    ("decorator", "severity", "here"),
    [("@kubernetes", "error", "argo-workflows"), ("@retry", "warning", "step-functions and argo-workflows")],
)
def test_waiting_for_a_flow_of_another_backend(
    decorator: str, severity: str, here: str, triggers: Run, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {
            "a.py": HEAD + flow("A", body=on("@batch")),
            "b.py": HEAD + flow("B", above="@trigger_on_finish(flow='A')", body=on(decorator)),
        },
    )
    done = check(triggers, tmp_path)
    assert done.code == (severity == "error")
    assert told(done) == [("FT205", f"`B` is for {here} and waits for `A`, which is for step-functions")]
    assert under(found(done)[0], tmp_path) == "'A'" and found(done)[0]["severity"] == severity
    assert told(check(triggers, tmp_path, "--backend", "step-functions")) == []


MISTAKES = {
    "a short timeout": (on("@timeout(seconds=30)"), "", "timeout(seconds=30)"),
    "batch and kubernetes": (on("@batch\n    @kubernetes"), "", "batch"),
    "a bad memory": (on("@batch(memory='much')"), "", "start"),
    "a bad number of processors": (on("@kubernetes(cpu='many')"), "", "F"),
    "a mutator that raises": (
        on("@retry"),
        "class Bad(FlowMutator):\n    def pre_mutate(self, mutable_flow):\n        raise KeyError('no luck')\n",
        None,
    ),
    "an inherited step": ("pass", "", "timeout(seconds=30)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_check_and_compile_find_the_same_mistakes_with_their_place(name: str, triggers: Run, tmp_path: Path) -> None:
    body, mutator, caret = MISTAKES[name]
    above = "@Bad()" if mutator else ""
    if name == "an inherited step":
        write(
            tmp_path,
            {
                "base.py": HEAD + flow("Base", body=on("@timeout(seconds=30)")),
                "f.py": "from base import Base\n" + flow("F", "Base", body="pass"),
            },
        )
    else:
        write(tmp_path, {"f.py": HEAD + mutator + flow("F", above=above, body=body)})
    done = check(triggers, tmp_path)
    compiled = triggers("compile", ".", "--format", "json", "--no-code-package", cwd=tmp_path, settings=USER)
    assert done.code == compiled.code == 1
    assert found(done) == found(compiled)
    assert {item["code"] for item in found(done)} == {"FT123"}
    assert len(found(done)) == 1  # what one backend refuses leaves no trace for the next
    if caret is not None:
        assert under(found(done)[0], tmp_path) == caret, found(done)
    assert found(done)[0]["span"]["line"] > 1


UNBUILT = {
    "parallel": ("self.next(self.work, num_parallel=2)", "@parallel\n    @step", "self, inputs", ""),
    "switch": ("self.way = 'x'; self.next({'x': self.work, 'y': self.join}, condition='way')", "@step", "self", ""),
    "exit_hook": ("self.next(self.work)", "@step", "self", "@exit_hook(on_error=[print])"),
}


@pytest.mark.parametrize("name", UNBUILT)
def test_what_step_functions_does_not_run_is_told_once(name: str, run: Run, tmp_path: Path) -> None:
    """With our words, which say what to do, and not with those of Metaflow's compiler as well."""
    first, work, join, above = UNBUILT[name]
    body = (
        f"\n    @step\n    def start(self):\n        {first}\n    {work}\n    def work(self):\n"
        f"        self.next(self.join)\n    @step\n    def join({join}):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n"
    )
    head = "from metaflow import FlowSpec, exit_hook, parallel, step\n"
    write(tmp_path, {"f.py": head + flow("F", above=above, body=body) + guard("F")})
    done = run("f.py", "--no-pylint", "step-functions", "create", "--only-json", cwd=tmp_path, settings=USER)
    assert done.code == 1 and done.err.count("error[") == 1, done.err
    assert "error[FT510]: `F` uses" in done.err and "help: deploy the flow on argo-workflows" in done.err


def test_a_file_that_cannot_be_imported_does_not_cascade(triggers: Run, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "up.py": "import nothing_of_this_name\n"
            + HEAD
            + flow("Up", body="\n    @step\n    def start(self):\n        emit_event('made')\n"),
            "down.py": HEAD + flow("Down", above="@trigger_on_finish(flow='Up')\n@trigger(event='made')"),
            "lost.py": HEAD + flow("Lost", above="@trigger_on_finish(flow='Upp')"),
        },
    )
    done = check(triggers, tmp_path)
    assert sorted(code for code, _ in told(done)) == ["FT120", "FT201"]
    assert "`Lost`" in found(done)[0]["message"] + found(done)[1]["message"]
    assert "made" not in str(json.loads(done.out)["diagnostics"])


def test_a_flow_that_metaflow_refuses_does_not_cascade(triggers: Run, tmp_path: Path) -> None:
    broken = "\n    @step\n    def start(self):\n        pass\n    @step\n    def end(self):\n        pass\n"
    write(
        tmp_path,
        {
            "up.py": HEAD + flow("Up", body=broken),
            "down.py": HEAD + flow("Down", above="@trigger_on_finish(flow='Up')"),
        },
    )
    assert [code for code, _ in told(check(triggers, tmp_path))] == ["FT123"]


def test_waiting_for_a_class_that_is_left_out_says_so(triggers: Run, tmp_path: Path) -> None:
    guard = "if __name__ == '__main__':\n    B()\n"
    write(
        tmp_path,
        {
            "f.py": HEAD + flow("A") + flow("B") + guard,
            "g.py": HEAD + flow("C", above="@trigger_on_finish(flow='A')"),
        },
    )
    items = found(check(triggers, tmp_path))
    assert [item["code"] for item in items] == ["FT201"]
    assert items[0]["others"][0]["label"] == "left out: the main guard runs other flows"


@pytest.mark.parametrize(
    ("text", "caret", "file"),
    [
        ("from metaflow import FlowSpec\nx = (1,\n     2 3)\nclass F(FlowSpec): pass\n", (3, 6), "f.py"),
        ("from metaflow import FlowSpec\nclass F(FlowSpec)\n    pass\n", (2, 18), "f.py"),
        ("from metaflow import FlowSpec\nname = 'ü' 3  # FlowSpec\n", (2, 12), "f.py"),
        ("import other\nfrom metaflow import FlowSpec\nclass F(FlowSpec): pass\n", (1, 7), "other.py"),
    ],
    ids=["in a list", "no colon", "not ASCII", "an imported file"],
)
def test_a_syntax_error_points_at_its_column(
    text: str, caret: tuple[int, int], file: str, triggers: Run, tmp_path: Path
) -> None:
    write(tmp_path, {"f.py": text, "other.py": "def f(:\n    pass\n"})
    done = triggers("check", "f.py", "--format", "json", cwd=tmp_path)
    item = found(done)[0]
    assert (item["code"], item["span"]["file"], (item["span"]["line"], item["span"]["column"])) == (
        "FT120",
        file,
        caret,
    )


@pytest.mark.parametrize("option", ["--prod", "--back", "--form", "--external-f", "--time", "--config-val", "--stric"])
def test_no_option_is_taken_by_the_beginning_of_its_name(option: str, triggers: Run, tmp_path: Path) -> None:
    done = triggers("check", ".", option, "x", cwd=tmp_path)
    assert done.code == 2 and "unrecognized arguments" in done.err


def test_a_flows_own_commands_take_no_abbreviation_either(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"f.py": HEAD + flow("F") + "if __name__ == '__main__':\n    F()\n"})
    for words in (("--no-pyl", "show"), ("--no-pylint", "step-functions", "compile", "--no-code")):
        done = run("f.py", *words, cwd=tmp_path, settings=USER)
        assert done.code == 2 and "no such option" in done.err, done.err


def test_check_as_json_has_the_graph(triggers: Run, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.py": HEAD + flow("A", above="@trigger(event='go')"),
            "b.py": HEAD + flow("B", above="@trigger_on_finish(flow='A')"),
            "c.py": "x = 1\n",
        },
    )
    document = json.loads(check(triggers, tmp_path).out)
    assert document["graph"] == {
        "flows": [
            {"flow": "A", "file": "a.py", "starts": [{"when": "event go arrives", "gets": ""}]},
            {"flow": "B", "file": "b.py", "starts": [{"when": "A succeeds", "gets": ""}]},
        ],
        "edges": [{"from": "A", "to": "B", "match": ["success"]}],
    }
    assert document["summary"]["skipped"] == 1
