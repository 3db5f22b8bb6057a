"""Commands over many flows take the project file: below flags and variables, above Metaflow's configuration."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.commands.arguments import flow_options
from metaflow_triggers.commands.cli import _parser, main
from metaflow_triggers.commands.manage import catalogue
from metaflow_triggers.commands.project import path_rules
from metaflow_triggers.commands.project_options import fill
from metaflow_triggers.commands.run import name_the_catalogue
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import Span
from metaflow_triggers.project_file.ignored import Ignored
from metaflow_triggers.project_file.read import read
from metaflow_triggers.reading.files import flow_files
from metaflow_triggers.reading.paths import elsewhere

from tests.flows import At

from ..reading.many import HEAD, STEPS, flow, guard, write
from .conftest import Run

FILE = """
id = "shop"
paths = ["flows", "more"]
production = true
branch = "file"
environment = "pypi"
with = ["retry"]
external-flows = ["Elsewhere"]
external-events = ["order-placed"]
settings.METAFLOW_KUBERNETES_NAMESPACE = "file"
settings.METAFLOW_DATASTORE_SYSROOT_S3 = "s3://file/x"
user = "file"
config-values.cfg = {a = 1}
configs.two = "two.json"
[flow-options]
Train = "--with batch"
[profiles.stage]
branch = "stage"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, {"flows/a.py": HEAD + flow("A"), "more/b.py": HEAD + flow("B"), "metaflow-triggers.toml": FILE})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled(*words: str, **environment: str) -> tuple[argparse.Namespace, dict[str, str]]:
    options = _parser().parse_args(words)
    fill(options, environment)
    return options, environment


def test_what_is_not_typed_comes_from_the_file(folder: Path) -> None:
    options, environment = filled("check")
    assert options.project.id == "shop"
    assert (options.paths, options.whole) == (["flows", "more"], True)
    assert (options.production, options.branch, options.environment) == (True, "file", "pypi")
    assert (options.external_flow, options.external_event) == (["Elsewhere"], ["order-placed"])
    assert environment == {
        "METAFLOW_TRIGGERS_PROJECT_ID": "shop",
        "METAFLOW_KUBERNETES_NAMESPACE": "file",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://file/x",
        "METAFLOW_USER": "file",
    }
    words = flow_options(options).words("Train", ["cfg", "two"])
    config = ["--config-value", "cfg", '{"a": 1}', "--config", "two", str(folder / "two.json")]
    assert words == [*config, "--environment", "pypi", "--with", "retry", "--with", "batch"]


def test_flags_count_before_variables_and_variables_before_the_file(folder: Path) -> None:
    typed = ["--branch", "typed", "--environment", "conda", "--with", "timeout", "--config-value", "cfg", "2"]
    options, environment = filled(
        *("check", *typed, "--external-event", "b", "--flow-option", "Train=--with card"),
        METAFLOW_KUBERNETES_NAMESPACE="set",
        METAFLOW_DATASTORE_SYSROOT_S3="",
        METAFLOW_USER="",
        METAFLOW_FLOW_CONFIG='{"two": "set.json"}',
    )
    assert options.branch == "typed"
    assert options.external_event == ["order-placed", "b"]
    # An empty variable is none, but for the user's name.
    assert environment["METAFLOW_KUBERNETES_NAMESPACE"] == "set"
    assert environment["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://file/x"
    assert environment["METAFLOW_USER"] == ""
    assert (options.config, options.config_value) == ([], [["cfg", "2"]])
    words = flow_options(options).words("Train", ["cfg"])
    with_ = [item for name in ("retry", "timeout", "batch", "card") for item in ("--with", name)]
    assert words == ["--config-value", "cfg", "2", "--environment", "conda", *with_]


def test_variables_that_metaflow_takes_options_from_count_before_the_file(folder: Path) -> None:
    variables = {"PRODUCTION": "0", "BRANCH": "set", "ENVIRONMENT": "conda", "DECOSPECS": "timeout"}
    options, _ = filled("check", **{f"METAFLOW_{name}": value for name, value in variables.items()})
    assert (options.production, options.branch, options.environment, options.decorators) == (False, None, None, [])


def test_a_profile_is_named_by_flag_or_variable(folder: Path) -> None:
    assert filled("check", "--profile", "stage")[0].branch == "stage"
    assert filled("check", METAFLOW_TRIGGERS_PROFILE="stage")[0].branch == "stage"
    assert filled("check", "--profile", "stage", METAFLOW_TRIGGERS_PROFILE="none")[0].branch == "stage"
    with pytest.raises(DiagnosticError, match="FT033"):
        filled("check", METAFLOW_TRIGGERS_PROFILE="none")


def test_the_file_is_that_of_the_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    options, _ = filled("check", str(folder / "flows" / "a.py"))
    assert (options.project.id, options.whole) == ("shop", False)
    options, _ = filled("check", str(folder / "flows"), str(folder / "more"))
    assert (options.project.id, options.whole) == ("shop", True)
    monkeypatch.chdir(folder / "flows")
    options, _ = filled("check")
    assert (options.paths, options.whole) == ([".", "../more"], True)
    options, _ = filled("check", ".")
    assert (options.paths, options.whole) == (["."], False)


def test_without_a_file_this_folder_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["check"], ["compile"], ["diff", "--against", "x"], ["simulate", "--events", "-"]):
        options, environment = filled(*words, METAFLOW_TRIGGERS_PROFILE="of another project")
        assert (options.project, options.paths, options.whole, environment.keys()) == (
            None,
            ["."],
            False,
            {"METAFLOW_TRIGGERS_PROFILE"},
        )
    with pytest.raises(DiagnosticError, match=r"FT033.*no project file"):
        filled("check", "--profile", "prod")


def test_options_of_flows_that_stand_elsewhere_are_no_mistake_for_a_part(folder: Path) -> None:
    part, whole = (flow_options(filled("check", *paths)[0]) for paths in (["flows"], []))
    assert [item.message for item in part.untaken(["A"], [])] == []
    assert len([item.message for item in whole.untaken(["A"], [])]) == 3


def test_a_wrong_file_ends_the_command_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "metaflow-triggers.toml").write_text("path = []\n", "utf-8")
    assert main(["check"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "error[FT031]: `metaflow-triggers.toml`: there is no key `path`\n --> metaflow-triggers.toml:1:1" in told.err
    assert main(["check", "--format", "json"]) == 2
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert (found["code"], found["span"]["line"], found["helps"]) == ("FT031", 1, ["did you mean `paths`?"])
    assert main(["diff", "--against", "x"]) == 2


def test_each_setting_is_told_with_its_source(triggers: Run, folder: Path) -> None:
    (folder / ".metaflowconfig").mkdir()
    (folder / ".metaflowconfig" / "config.json").write_text(
        '{"METAFLOW_BATCH_JOB_QUEUE": "queue", "METAFLOW_KUBERNETES_NAMESPACE": "behind"}', "utf-8"
    )
    more = "settings.METAFLOW_SERVICE_URL = 'https://ada:pw@service/x'\nsettings.METAFLOW_SFN_IAM_ROLE = 'file'\n"
    (folder / "metaflow-triggers.toml").write_text(FILE.replace("[flow-options]", f"{more}[flow-options]"))
    shown = {"METAFLOW_SFN_IAM_ROLE": "set", "METAFLOW_TRIGGERS_PROFILE": "stage", "METAFLOW_USER": "ada"}
    done = triggers("settings", "flows", "--format", "json", cwd=folder, settings=shown)
    assert done.code == 0, done.err
    told = {item["name"]: (item["value"], item["source"]) for item in json.loads(done.out)["settings"]}
    line = 1 + FILE.splitlines().index('settings.METAFLOW_KUBERNETES_NAMESPACE = "file"')
    assert told["METAFLOW_KUBERNETES_NAMESPACE"] == ("file", f"metaflow-triggers.toml:{line}")
    assert told["METAFLOW_SFN_IAM_ROLE"] == ("set", "environment")
    assert told["METAFLOW_USER"] == ("ada", "environment")
    assert told["METAFLOW_BATCH_JOB_QUEUE"] == ("queue", "Metaflow's configuration")
    assert told["METAFLOW_TRIGGERS_EVENT_BUS"] == ("default", "default")
    assert told["METAFLOW_SFN_DYNAMO_DB_TABLE"] == (None, "not set")
    assert told["METAFLOW_SERVICE_URL"][0] == "https://...@service/x"
    assert told["profile"] == ("stage", "METAFLOW_TRIGGERS_PROFILE")
    assert told["branch"] == (
        "stage",
        f"metaflow-triggers.toml:{len((folder / 'metaflow-triggers.toml').read_text().splitlines())}",
    )
    assert "pw" not in done.out


def test_backends_of_the_file_are_typed_ones_or_those_of_paths(folder: Path) -> None:
    text = FILE.replace('id = "shop"', 'backends = ["argo-workflows"]')
    (folder / "metaflow-triggers.toml").write_text(text, "utf-8")
    assert filled("check")[0].backend == ["argo-workflows"]
    assert filled("check", "--backend", "step-functions")[0].backend == ["step-functions"]
    table = 'backends = {"." = ["step-functions"], "flows" = ["argo-workflows"], "flows/a.py" = ["step-functions"]}'
    (folder / "metaflow-triggers.toml").write_text(FILE.replace('id = "shop"', table), "utf-8")
    options = filled("check")[0]
    assert options.backend is None
    rules, both = path_rules(options), ("step-functions", "argo-workflows")
    for file, name in (
        ("more/b.py", "step-functions"),
        ("flows/b.py", "argo-workflows"),
        ("./flows/a.py", "step-functions"),
        (str(folder / "flows" / "b.py"), "argo-workflows"),
        ("flows.py", "step-functions"),
    ):
        made = At(Span(file, 1, 1, 1, 2)).flow("A")
        assert rules.meant(made, both, chosen=False) == (name,), file
        assert rules.meant(made, ("argo-workflows",), chosen=True) == (() if name == both[0] else both[1:])


def test_what_the_file_leaves_out_accepts_and_weighs(triggers: Run, tmp_path: Path) -> None:
    waits = "@trigger(event='{}'){}"
    write(
        tmp_path,
        {
            "flows/a.py": HEAD + flow("A", above=waits.format("one", "  # metaflow-triggers: accept FT202 a vendor")),
            "flows/b.py": HEAD + flow("B", above=waits.format("two", "")),
            "flows/old/c.py": HEAD + flow("C"),
            "flows/draft_d.py": HEAD + flow("D"),
            "flows/made/e.py": HEAD + flow("E"),
            ".gitignore": "made/\n",
            "metaflow-triggers.toml": """
exclude = ["old", "draft_*.py"]
backends = {"flows/a.py" = ["step-functions"], "." = ["argo-workflows"]}
severity.FT508 = "off"
severity.FT202 = "warning"
[[accept]]
code = "FT114"
reason = "for later"
""",
        },
    )
    (tmp_path / ".git").mkdir()
    done = triggers("compile", "--output", "out", "--format", "json", cwd=tmp_path, settings={"METAFLOW_USER": "ada"})
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [
        (item["code"], item["severity"], item["message"].partition(":")[0])
        for item in document["diagnostics"]
        if item["code"] != "FT020"  # what a deployment needs
    ] == [
        ("FT202", "warning", "no flow of these files emits `two`"),
        ("FT036", "note", "`FT114` is accepted here, and nothing of it is found"),
    ]
    summary = document["summary"]
    assert (summary["accepted"], summary["off"]) == (1, 1)
    assert summary["excluded"] == ["flows/made", "flows/old", "flows/draft_d.py"]
    assert [item["flow"] for item in document["graph"]["flows"]] == ["A", "B"]
    owners = json.loads((tmp_path / "out" / "metaflow-triggers.json").read_text())["inputs"]
    assert {name for name in owners if not name.endswith("/")} == {"step-functions/A", "argo-workflows/b"}
    # One that is named by hand is read, as ever.
    project = read(tmp_path / "metaflow-triggers.toml")
    draft = str(tmp_path / "flows" / "draft_d.py")
    assert flow_files([draft], Ignored(project)).by_hand == [draft]


def test_flows_of_another_project_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = "[tool.metaflow-triggers]\n"
    write(tmp_path, {"a.py": "", "sub/b.py": "", "sub/deep/c.py": "", "sub/pyproject.toml": one, "other/d.py": ""})
    files = ["a.py", "sub/b.py", "sub/deep/c.py", "other/d.py"]
    (found,) = elsewhere(files, None)
    assert (
        found.message == "`sub/b.py` belongs to the project of `sub/pyproject.toml`, and this command has that of none"
    )
    assert (found.code, found.notes) == ("FT034", ("so do sub/deep/c.py",))
    assert found.helps == ("give a command to that project alone: `metaflow-triggers check sub`",)
    assert [item.code for item in elsewhere(files, filled("check")[0].project)] == ["FT034"]
    assert elsewhere(files[1:3], filled("check", "sub")[0].project) == []
    (tmp_path / "metaflow-triggers.toml").write_text("")
    assert [item.code for item in elsewhere(files, filled("check")[0].project)] == ["FT034"]


ORDERS = """
[events.order-placed]
owner = "shop"
description = "An order was placed."
origin = {step-functions = {source = "shop"}}
schema = {type = "object", required = ["orderId"], properties = {orderId = {type = "string"}}}
[events.unused]
"""


LOCAL = """
paths = ["flows"]
exclude = ["flows/old.py"]
production = true
with = ["batch"]
config-values.cfg = {event = "placed"}
severity = {FT113 = "error"}
[profiles.lenient.severity]
FT113 = "off"
"""


def test_the_local_engine_takes_what_does_not_say_where_flows_are_deployed(tmp_path: Path, triggers: Run) -> None:
    """Paths, what is excluded, Configs, severities, of a profile; not branch and decorators."""
    several = flow("A", above="@trigger(events=['a', 'b'])")
    configured = HEAD + "from metaflow import config_expr\n"
    body = "    cfg = Config('cfg', required=True)" + STEPS
    write(tmp_path, {"metaflow-triggers.toml": LOCAL, "flows/old.py": "raise ValueError", "other.py": "1/0"})
    write(tmp_path, {"flows/a.py": HEAD + several + guard("A")})
    (tmp_path / "flows/b.py").write_text(
        configured + flow("B", above="@trigger(event=config_expr('cfg.event'))", body=body)
    )
    known = {"METAFLOW_USER": "ada"}

    def do(*words: str) -> Any:
        return triggers(*words, cwd=tmp_path, settings=known)

    refused = do("run", "--until-idle")
    assert refused.code == 1 and "error[FT113]" in refused.err, refused.err
    assert refused.err.count("error[") == 1
    done = do("run", "--until-idle", "--profile", "lenient")
    assert done.code == 0 and "FT113" not in done.err, done.err
    listed = do("list", "flows", "--profile", "lenient")
    assert listed.code == 0 and "placed" in listed.out and "old" not in listed.out, listed.err
    (tmp_path / "metaflow-triggers.toml").unlink()
    without = do("run", "--until-idle")
    assert without.code == 2 and "error: PATH is required where there is no project file" in without.err


def test_simulate_refuses_what_emit_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [("order-placed", {"orderId": "7"}), ("order-placed", {"orderId": 7}), ("another", {})]
    events = "".join(json.dumps({"name": name, "payload": payload}) + "\n" for name, payload in lines)
    write(tmp_path, {"metaflow-triggers.toml": ORDERS, "events.jsonl": events})
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "--events", "events.jsonl"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("error[") == 1
    assert "error[FT765]: the payload of event 'order-placed': `orderId`: 7 is not of type 'string'" in told.err
    assert "--> events.jsonl:2:1" in told.err and "metaflow-triggers.toml:2:9" in told.err


def test_options_of_the_file_that_are_for_no_flow_are_told_where_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "configs = {one = 'x.json'}\nconfig-values = {two = 2}\nflow-options = {Trian = '--with retry'}\n"
    write(tmp_path, {"metaflow-triggers.toml": said})
    monkeypatch.chdir(tmp_path)
    options, _ = filled("check", "--config-value", "three", "3")
    found = {item.message: item.span for item in flow_options(options).untaken(["Train"], [])}
    why = "no flow of these files has such a Config"
    places = {message: span and (span.file, span.line) for message, span in found.items()}
    assert places == {
        f"`--config-value two`: {why}": ("metaflow-triggers.toml", 2),
        f"`--config-value three`: {why}": None,
        f"`--config one`: {why}": ("metaflow-triggers.toml", 1),
        "`--flow-option Trian=...`: these files define no such flow": ("metaflow-triggers.toml", 3),
    }


def test_emit_refuses_what_does_not_fit_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"metaflow-triggers.toml": ORDERS, "deep/x": ""})
    monkeypatch.chdir(tmp_path / "deep")
    where = ("--database", str(tmp_path / "engine.db"))
    assert main(["emit", "order-placed", "--payload", '{"orderId": 7}', *where]) == 2
    told = capsys.readouterr()
    assert told.out == "" and not (tmp_path / "engine.db").exists()
    assert "error[FT765]: the payload of event 'order-placed': `orderId`: 7 is not of type 'string'" in told.err
    assert "--> ../metaflow-triggers.toml:2:9" in told.err
    assert main(["emit", "order-placed", *where]) == 2
    assert "'orderId' is a required property" in capsys.readouterr().err
    assert main(["emit", "order-placed", "--payload", '{"orderId": "7"}', "--id", "a", *where]) == 0
    assert main(["emit", "another", "--payload", '{"orderId": 7}', "--id", "b", *where]) == 0
    assert capsys.readouterr().out == "a\nb\n"


def test_list_shows_the_catalogue(triggers: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    above = "@trigger(event='order-placed')"
    write(tmp_path, {"metaflow-triggers.toml": ORDERS, "a.py": HEAD + flow("A", above=above) + guard("A")})
    done = triggers("list", ".", cwd=tmp_path, settings={"METAFLOW_USER": "ada"})
    assert done.out.endswith(
        "\nEVENT         OWNER  STARTS  DESCRIPTION\norder-placed  shop   A       An order was placed.\nunused\n"
    )
    monkeypatch.chdir(tmp_path)
    at = At(Span("a.py", 1, 1, 1, 2))
    placed, unused = catalogue(
        argparse.Namespace(paths=["."]), link([at.flow("A", at.trigger(at.event("order-placed")))])
    )
    assert (placed["starts"], placed["origin"]) == (["A"], {"step-functions": {"source": "shop"}})
    assert placed["schema"]["required"] == ["orderId"] and unused["starts"] == []
    # It has an origin, so something else emits it.
    assert filled("check")[0].external_event == ["order-placed"]


def test_settings_of_ours_are_those_that_are_read() -> None:
    from metaflow_triggers import seams
    from metaflow_triggers.project_file.forms import OURS

    read = {name.removeprefix("TRIGGERS_") for name in seams.known_settings() if name.startswith("TRIGGERS_")}
    # The last three belong to the engine, and to whoever publishes from somewhere else.
    assert read | {"DATABASE", "WEBHOOK_URL", "WEBHOOK_CA"} == OURS


# One flow -----------------------------------------------------------------------------------------------------------

ALL_OF_IT = """
id = "the-shop"
severity.FT508 = "off"
paths = ["flows"]
branch = "file"
environment = "local"
with = ["retry:times=3"]
image = "shop:7"
config-values.cfg = {event = "order-placed"}
settings.METAFLOW_KUBERNETES_NAMESPACE = "file"
settings.METAFLOW_DATASTORE_SYSROOT_S3 = "s3://file/x"
settings.METAFLOW_TRIGGERS_EVENT_SOURCE = "shop"
settings.METAFLOW_SFN_STATE_MACHINE_PREFIX = "file"
flow-options.A = "--with timeout:minutes=3"
flow-options.B = "--with catch"
profiles.prod.production = true
"""
CONFIGURED = "@project(name='shop')\n@trigger(event=config_expr('cfg.event'))"
BODY = "\n    cfg = Config('cfg', required=True)" + STEPS


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    head = "from metaflow import config_expr\n" + HEAD
    text = head + flow("A", above=CONFIGURED, body=BODY) + guard("A")
    write(tmp_path, {"flows/a.py": text, "metaflow-triggers.toml": ALL_OF_IT})
    return tmp_path


def written(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_one_flow_and_many_emit_the_same_bytes(run: Run, triggers: Run, configured: Path) -> None:
    done = triggers("compile", "flows/a.py", "--output", "all", "--profile", "prod", cwd=configured)
    assert done.code == 0, done.err
    prod = {"METAFLOW_TRIGGERS_PROFILE": "prod"}
    for backend in ("step-functions", "argo-workflows"):
        done = run("a.py", backend, "compile", "--output", "../one", cwd=configured / "flows", settings=prod)
        assert done.code == 0 and "FT508" not in done.err, done.err
    one, many = written(configured / "one"), written(configured / "all")
    whole = b"".join(one.values())
    one_told, many_told = (json.loads(files.pop("metaflow-triggers.json")) for files in (one, many))
    assert one == many and len(one) > 12
    assert one_told["files"] == many_told["files"]
    # What is not a flow's is recorded otherwise by a command over one flow, with or without a project file.
    owners = {name for name in many_told["inputs"] if not name.endswith("/")}
    assert len(owners) == 2
    assert {name: one_told["inputs"][name] for name in owners} == {name: many_told["inputs"][name] for name in owners}
    # Each kind of key has left its trace: what is equal is not merely empty.
    for text in (
        "s3://file/x",
        "namespace: file",
        "shop:7",
        "prod.file",
        "order-placed",
        "the-shop",
        "--with timeout:minutes=3",
    ):
        assert text.encode() in whole, text
    assert b"--with retry:times=3" in whole and b"catch" not in whole


def test_flags_and_variables_count_before_the_file_for_one_flow_too(run: Run, triggers: Run, configured: Path) -> None:
    options = ("--branch", "typed", "--config-value", "cfg", '{"event": "typed"}')
    settings = {"METAFLOW_KUBERNETES_NAMESPACE": "set", "METAFLOW_ENVIRONMENT": "local", "METAFLOW_DECOSPECS": "catch"}
    done = run(
        "flows/a.py", *options, "argo-workflows", "compile", "--no-code-package", cwd=configured, settings=settings
    )
    assert done.code == 0, done.err
    assert "namespace: set" in done.out and "namespace: file" not in done.out
    assert "test.typed" in done.out and "typed" in done.out and "order-placed" not in done.out
    assert "retry:times" not in done.out


def test_a_wrong_file_ends_the_command_of_one_flow_with_2(run: Run, configured: Path) -> None:
    (configured / "flows" / "metaflow-triggers.toml").write_text("path = []\n", "utf-8")
    done = run("flows/a.py", "argo-workflows", "compile", cwd=configured)
    assert (done.code, done.out) == (2, "")
    assert "error[FT031]: `flows/metaflow-triggers.toml`: there is no key `path`" in done.err
    assert "Traceback" not in done.err
    # What is no command of a backend does not ask for it.
    assert (
        run(
            "flows/a.py",
            "--config-value",
            "cfg",
            '{"event": "a"}',
            "show",
            cwd=configured,
            settings={"METAFLOW_USER": "ada"},
        ).code
        == 0
    )


def test_emit_event_of_the_local_engine_refuses_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"metaflow-triggers.toml": ORDERS, "a.py": ""})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_TRIGGERS_DATABASE", str(tmp_path / "engine.db"))
    runs: dict[str, str] = {}
    name_the_catalogue(argparse.Namespace(paths=["a.py"]), runs)
    assert runs == {"METAFLOW_TRIGGERS_CATALOGUE": str(tmp_path / "metaflow-triggers.toml")}
    assert main(["emit", "order-placed", "--payload", '{"orderId": "1"}', "--id", "a"]) == 0
    import metaflow  # noqa: F401 - a plugin cannot be imported before it
    from metaflow_extensions.triggers.plugins.emit_event import EmitError, emit_event

    monkeypatch.setenv(*next(iter(runs.items())))
    with pytest.raises(EmitError) as error:
        emit_event("order-placed", {"orderId": 7})
    assert error.value.message == (
        "FT765: the payload of event 'order-placed': `orderId`: 7 is not of type 'string' (metaflow-triggers.toml:2)"
    )
    assert emit_event("order-placed", {"orderId": "7"}) and emit_event("another", {"orderId": 7})
    connection = sqlite3.connect(tmp_path / "engine.db")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (3,)


@pytest.mark.long
def test_a_run_of_the_local_engine_emits_nothing_that_does_not_fit(triggers: Run, tmp_path: Path) -> None:
    body = STEPS.replace(
        "self.next(self.end)", "emit_event('order-placed', {'orderId': 6 + 1})\n        self.next(self.end)"
    )
    text = "from metaflow import emit_event\n" + HEAD + flow("A", above="@trigger(event='go')", body=body) + guard("A")
    write(tmp_path, {"metaflow-triggers.toml": ORDERS, "a.py": text})
    settings = {"METAFLOW_USER": "ada"}
    assert triggers("emit", "go", cwd=tmp_path, settings=settings).code == 0
    done = triggers("run", ".", "--until-idle", cwd=tmp_path, settings=settings)
    assert done.code == 0, done.err
    connection = sqlite3.connect(tmp_path / "metaflow-triggers.db")
    assert connection.execute("SELECT name FROM events WHERE kind = 'event'").fetchall() == [("go",)]
    ((error,),) = connection.execute("SELECT error FROM starts").fetchall()
    log = "".join(path.read_text() for path in (tmp_path / "metaflow-triggers.db-logs").rglob("*") if path.is_file())
    assert "FT765: the payload of event 'order-placed': `orderId`: 7 is not of type 'string' (" in log
    assert "metaflow-triggers.toml:2)" in log and error


def test_where_the_compiler_is_not_installed_there_is_no_project_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a task, which may run `python flow.py argo-workflows trigger`."""
    import metaflow  # noqa: F401 - a plugin cannot be imported before it
    from metaflow_extensions.triggers.plugins import project_file

    monkeypatch.setitem(sys.modules, "metaflow_triggers.commands", None)
    assert project_file.settings([str(folder / "flows" / "a.py"), "argo-workflows", "trigger"]) == {}
