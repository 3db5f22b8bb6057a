"""Commands over many flows take the project file: below flags and variables, above Metaflow's configuration."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from metaflow_triggers.commands.arguments import flow_options
from metaflow_triggers.commands.cli import _parser, main
from metaflow_triggers.commands.project_options import fill
from metaflow_triggers.diagnostics import DiagnosticError

from ..reading.many import HEAD, flow, write
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


def test_settings_reach_what_is_compiled(triggers: Run, folder: Path) -> None:
    """In a process of its own, whose Metaflow is not imported before."""
    text = 'paths = ["flows"]\nimage = "shop:7"\nsettings.METAFLOW_KUBERNETES_NAMESPACE = "file"\n'
    (folder / "metaflow-triggers.toml").write_text(text, "utf-8")
    done = triggers("compile", "--backend", "argo-workflows", "--no-code-package", cwd=folder)
    assert done.code == 0, done.err
    assert "namespace: file" in done.out
    assert "image: shop:7" in done.out
