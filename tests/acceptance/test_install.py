"""What `pip install` gives: the names, the commands and the compiler, away from the checkout."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .environments import ROOT, Environment, build_wheel, copy_sources

SCHEMA_SOURCES = ROOT / "schemas" / "source"
"""What schemas are written from is no part of the product."""

OTHER_PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "other-extension"
version = "1.0"
[tool.setuptools]
packages = ["metaflow_extensions.other.toplevel"]
"""
OTHER_TOPLEVEL = """
__mf_extensions__ = "other"
__version__ = "1.0"
other_extension_is_here = True
"""

NAMES = (
    "trigger",
    "trigger_on_finish",
    "project",
    "schedule",
    "current",
    "ParameterContext",
    "emit_event",
    "namespaced_event_name",
)

PROBE = """
import json, metaflow
from metaflow.metaflow_current import current
from metaflow.plugins import FLOW_DECORATORS, STEP_DECORATORS
registered = {decorator.name: decorator.__module__ for decorator in [*FLOW_DECORATORS, *STEP_DECORATORS]}
print(json.dumps({
    "decorators": {name: registered[name] for name in (
        "trigger", "trigger_on_finish", "project", "step_functions_internal", "argo_workflows_internal")},
    "other": getattr(metaflow, "other_extension_is_here", False),
    "trigger": current.trigger is None,
}))
"""


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_sources(tmp_path_factory.mktemp("sources") / "metaflow-triggers")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A copy of its own: the editable install's leftovers must not reach the wheel.
    copy = copy_sources(tmp_path_factory.mktemp("wheel-sources") / "metaflow-triggers")
    return build_wheel(copy, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def other_extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("other")
    module = source / "metaflow_extensions" / "other" / "toplevel"
    module.mkdir(parents=True)
    (source / "pyproject.toml").write_text(OTHER_PROJECT, encoding="utf-8")
    (module / "mfextinit_other.py").write_text('toplevel = "other_toplevel"\n', encoding="utf-8")
    (module / "other_toplevel.py").write_text(OTHER_TOPLEVEL, encoding="utf-8")
    return build_wheel(source, tmp_path_factory.mktemp("other-wheel"))


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory, wheel: Path, sources: Path) -> Callable[[str], Environment]:
    def into_a_new_environment(kind: str) -> Environment:
        environment = Environment(tmp_path_factory.mktemp(kind) / "venv")
        environment.install(*([wheel] if kind == "wheel" else ["--editable", sources]))
        return environment

    return into_a_new_environment


@pytest.fixture(scope="session")
def installed(install: Callable[[str], Environment]) -> Environment:
    return install("wheel")


def packages_on_disk() -> set[str]:
    found = {"metaflow_triggers.templates", "metaflow_triggers.schemas"}
    for root in (ROOT / "compiler", ROOT / "runtime"):
        found |= {".".join(path.parent.relative_to(root).parts) for path in root.rglob("*.py")}
    return found


def test_listed_packages_are_those_on_disk(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py") and ".dist-info/" not in name]
    assert {".".join(name.split("/")[:-1]) for name in names} == packages_on_disk()


def test_wheel_holds_every_file(wheel: Path) -> None:
    expected = set()
    for folder, prefix in (
        ("compiler", ""),
        ("runtime", ""),
        ("templates", "metaflow_triggers/templates/"),
        ("schemas", "metaflow_triggers/schemas/"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.name != ".keep":
                if any(part.endswith(".egg-info") for part in path.parts) or path.is_relative_to(SCHEMA_SOURCES):
                    continue
                expected.add(prefix + path.relative_to(ROOT / folder).as_posix())
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (top_level,) = (name for name in archive.namelist() if name.endswith(".dist-info/top_level.txt"))
        # Metaflow finds an extension by this line.
        assert "metaflow_extensions" in archive.read(top_level).decode().split()
    assert names == expected
    # Metaflow refuses to start when this is a regular package.
    assert "metaflow_extensions/__init__.py" not in names


def test_documented_names_import(installed: Environment, tmp_path: Path) -> None:
    installed.python(f"from metaflow import {', '.join(NAMES)}", tmp_path)
    code = "from metaflow.plugins.namespaced_events import namespaced_event_name as n; print(n('x')())"
    assert installed.python(code, tmp_path) == "x\n"


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_metaflow_finds_the_extension(
    kind: str, install: Callable[[str], Environment], other_extension: Path, tmp_path: Path
) -> None:
    environment = install(kind)
    for beside_another in (False, True):
        if beside_another:
            environment.install(other_extension)
        found = json.loads(environment.python(PROBE, tmp_path))
        assert found["other"] is beside_another
        assert found["trigger"] is True
        assert {name: module.split(".plugins")[0] for name, module in found["decorators"].items()} == dict.fromkeys(
            found["decorators"], "metaflow_extensions.triggers"
        )


@pytest.fixture
def project_elsewhere(tmp_path: Path) -> Path:
    target = tmp_path / "somewhere else"
    shutil.copytree(ROOT / "examples" / "process_order", target / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.mark.parametrize("group", ["step-functions", "argo-workflows"])
def test_help_shows_our_commands_beside_upstreams(
    installed: Environment, project_elsewhere: Path, tmp_path: Path, group: str
) -> None:
    def commands(environment: Environment, **variables: str) -> set[str]:
        output = environment.run("python", "flows/flow.py", group, "--help", cwd=project_elsewhere, **variables).stdout
        return set(re.findall(r"^  (\S+)", output.partition("Commands:")[2], re.MULTILINE))

    upstreams = commands(Environment(tmp_path / "upstream"), METAFLOW_USER="tester")
    assert {"create", "delete", "trigger"} <= upstreams
    assert commands(installed) == upstreams | {"compile", "diff"}


def test_compiles_from_another_directory(installed: Environment, project_elsewhere: Path) -> None:
    installed.run("metaflow-triggers", "compile", "flows", "--output", "out", cwd=project_elsewhere)
    written = [path for path in (project_elsewhere / "out").rglob("*") if path.suffix == ".yaml"]
    kinds = {(yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("kind") for path in written}
    assert {"Sensor", "EventSource", "WorkflowTemplate"} <= kinds
    (template,) = (project_elsewhere / "out" / "step-functions").glob("*.yaml")
    resources = yaml.safe_load(template.read_text(encoding="utf-8"))["Resources"].values()
    (rule,) = (resource for resource in resources if resource["Type"] == "AWS::Events::Rule")
    assert rule["Properties"]["EventPattern"]["detail-type"] == ["order-placed"]


@pytest.mark.parametrize("user", [{}, {"USER": "root"}, {"METAFLOW_USER": "tester"}])
@pytest.mark.parametrize("group", ["step-functions", "argo-workflows"])
def test_a_flow_compiles_itself_whoever_asks(
    installed: Environment, project_elsewhere: Path, group: str, user: dict[str, str]
) -> None:
    installed.run("python", "flows/flow.py", group, "compile", "--output", "out", cwd=project_elsewhere, **user)
    assert any(path.suffix == ".yaml" for path in (project_elsewhere / "out").rglob("*"))


def test_running_without_a_user_name_says_which_setting_helps(installed: Environment, project_elsewhere: Path) -> None:
    process = installed.run("python", "flows/flow.py", "run", cwd=project_elsewhere, exit_code=1)
    assert "METAFLOW_USER" in process.stdout + process.stderr
