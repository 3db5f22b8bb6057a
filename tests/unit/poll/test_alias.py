"""Files that say `import cloaca`, where no such package is installed, and where one is."""

import subprocess
import sys

import pytest
from metaflow_triggers import poll
from metaflow_triggers.poll import alias
from metaflow_triggers.poll.declare import is_reading
from metaflow_triggers.poll.loading import NotPython, load


def load_text(folder, text, name="polls.py"):
    file = folder / name
    file.write_text(text)
    module, collected = load(str(file))
    sys.modules.pop(module.__name__)
    return module, collected


def test_no_package_of_this_name_is_installed_here():
    assert alias.is_installed() is False
    assert "cloaca" not in sys.modules


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import cloaca", "cloaca.trigger"),
        ("import cloaca as c", "c.trigger"),
        ("from cloaca import trigger", "trigger"),
        ("from cloaca import *", "trigger"),
        ("import metaflow_triggers.poll as cloaca", "cloaca.trigger"),
    ],
)
def test_all_forms_of_import_declare_a_trigger(tmp_path, line, name):
    _, collected = load_text(tmp_path, f"{line}\n@{name}(workflow='Flow')\ndef watch(): ...\n")
    assert [item.name for item in collected.declared] == ["watch"]
    assert "cloaca" not in sys.modules
    assert not is_reading()


def test_the_alias_offers_our_four_names(tmp_path):
    module, _ = load_text(tmp_path, "import cloaca\n")
    for name in ("trigger", "TriggerResult", "Context", "DefaultRunner"):
        assert getattr(module.cloaca, name) is getattr(poll, name)


@pytest.mark.parametrize(
    "text",
    [
        "import cloaca\ncloaca.task\n",
        "from cloaca import WorkflowBuilder\n",
        "import cloaca\n@cloaca.task()\ndef f(): ...",
    ],
)
def test_any_other_name_raises_and_lists_what_there_is(tmp_path, text):
    with pytest.raises(ImportError, match=r"FT726.*trigger, TriggerResult, Context, DefaultRunner"):
        load_text(tmp_path, text)
    assert "cloaca" not in sys.modules


def test_what_was_there_before_comes_back(tmp_path, monkeypatch):
    other = type(sys)("cloaca")
    monkeypatch.setitem(sys.modules, "cloaca", other)
    module, _ = load_text(tmp_path, "import cloaca\n@cloaca.trigger(workflow='Flow')\ndef watch(): ...\n")
    assert module.cloaca is not other
    assert sys.modules["cloaca"] is other
    assert alias.is_installed()


def test_files_of_one_name_are_modules_of_their_own(tmp_path):
    modules = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "same_name.py"
        file.write_text(f"import cloaca\nwhere = {folder!r}\n")
        modules.append(load(str(file))[0])
    assert [module.where for module in modules] == ["a", "b"]
    for module in modules:
        sys.modules.pop(module.__name__)


def test_what_is_no_python_file_is_said(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("x")
    with pytest.raises(NotPython):
        load(str(file))


def test_a_function_may_import_it_when_it_is_called(tmp_path):
    """In the engine and under `exec` the alias stays for the whole process."""
    program = tmp_path / "late.py"
    program.write_text("def f():\n    import cloaca\n    return cloaca.TriggerResult.skip()\nprint(f())\n")
    done = subprocess.run(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "exec", str(program)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "TriggerResult.Skip\n"


def test_the_poll_api_imports_neither_metaflow_nor_a_database():
    code = (
        "import sys, metaflow_triggers.poll\n"
        "print([n for n in ('metaflow', 'sqlite3', 'boto3', 'metaflow_triggers.engine') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
