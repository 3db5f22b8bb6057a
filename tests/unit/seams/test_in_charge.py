"""Where the extension is installed but Metaflow uses something else, no command does anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from .run import BACKENDS, EXAMPLES, QUIET, ROOT, python, succeeded

OTHER = {
    "plugins/mfextinit_other.py": 'FLOW_DECORATORS_DESC = [("trigger", ".decorators.TriggerDecorator")]\n',
    "plugins/decorators.py": """
        from metaflow.plugins.events_decorator import TriggerDecorator as Upstream


        class TriggerDecorator(Upstream):
            pass
    """,
}


def extension(root: Path, files: dict[str, str]) -> Path:
    """Another extension below `root`, to be put on PYTHONPATH."""
    for name, text in files.items():
        path = root / "metaflow_extensions/other" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
    return root


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return Path(shutil.copy(EXAMPLES / "process_order/flow.py", tmp_path / "work/flow.py"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("command", ["compile", "create"])
def test_another_extension_defines_trigger(flow: Path, tmp_path: Path, backend: str, command: str) -> None:
    other = extension(tmp_path / "other", OTHER)
    process = python("flow.py", *QUIET, backend, command, cwd=flow.parent, PYTHONPATH=str(other))
    assert process.returncode == 1
    assert "error[FT001]" in process.stderr
    assert "`trigger` is metaflow_extensions.other.plugins.decorators.TriggerDecorator" in process.stderr
    assert "kind:" not in process.stdout and "Resources:" not in process.stdout
    assert [path.name for path in flow.parent.iterdir() if path.name not in ("__pycache__", ".metaflow")] == ["flow.py"]


def test_the_project_command_refuses_too(flow: Path, tmp_path: Path) -> None:
    other = extension(tmp_path / "other", OTHER)
    process = python(
        *("-m", "metaflow_triggers.commands.cli", "compile", ".", "--output", "out"),
        cwd=flow.parent,
        PYTHONPATH=str(other),
    )
    assert process.returncode == 1
    assert "error[FT001]" in process.stderr
    assert not (flow.parent / "out").exists()


def test_another_extension_beside_ours_does_no_harm(flow: Path, tmp_path: Path) -> None:
    harmless = {
        "plugins/mfextinit_other.py": 'FLOW_DECORATORS_DESC = [("other", ".decorators.OtherDecorator")]\n',
        "plugins/decorators.py": """
            from metaflow.decorators import FlowDecorator


            class OtherDecorator(FlowDecorator):
                name = "other"
        """,
    }
    other = extension(tmp_path / "other", harmless)
    process = python(
        "flow.py", *QUIET, BACKENDS[0], "compile", "--show", "triggers", cwd=flow.parent, PYTHONPATH=str(other)
    )
    assert "AWS::Events::Rule" in succeeded(process)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("command", ["compile", "create"])
def test_our_plugins_do_not_load(flow: Path, tmp_path: Path, backend: str, command: str) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(ROOT / "runtime", copy)
    with (copy / "metaflow_extensions/triggers/plugins/mfextinit_triggers.py").open("a") as file:
        file.write("\nimport a_module_that_is_not_there\n")
    process = python(
        *("flow.py", *QUIET, backend, command),
        cwd=flow.parent,
        PYTHONPATH=str(copy),
        METAFLOW_EXTENSIONS_SEARCH_DIRS=str(copy),
    )
    assert process.returncode != 0
    assert "FT001" in process.stderr
    assert "kind:" not in process.stdout and "Resources:" not in process.stdout


def test_plugins_of_another_extension_do_not_load(flow: Path, tmp_path: Path) -> None:
    """Metaflow then ignores the plugins of all extensions, with a warning only."""
    other = extension(tmp_path / "other", {"plugins/mfextinit_other.py": "import a_module_that_is_not_there\n"})
    process = python("flow.py", *QUIET, BACKENDS[1], "create", cwd=flow.parent, PYTHONPATH=str(other))
    assert process.returncode != 0
    assert "FT001" in process.stderr
    assert "kind:" not in process.stdout and "Resources:" not in process.stdout


def test_what_is_imported_for_all_flows_leaves_out_the_command_line() -> None:
    """Metaflow's command line takes the options of the flow at hand when it is imported, for good."""
    code = "import sys, metaflow; from metaflow_triggers.backends.registry import at_work; "
    code += "from metaflow_triggers.seams.shape import preload; preload([item.upstream for item in at_work(())]); "
    code += "sys.exit('metaflow.cli' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
