"""Project: a folder of flows that read all that flows can read, and edits of it.

In:   a folder, a source of chance.
Out:  the files; edits by name, each a change of the folder or of the environment that may change what is compiled.

Not here: compiling (`compare`), judging.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

VARIABLES = ("APP_EVENT", "METAFLOW_TRIGGERS_EVENT_BUS", "METAFLOW_KUBERNETES_NAMESPACE", "TMUX_PANE", "SHLVL")
"""What edits of the environment set: of the user's code, of ours, one that no code reads, and two of a session."""

_STEPS = """
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
_HEAD = "from metaflow import Config, FlowSpec, IncludeFile, Parameter, step, trigger, trigger_on_finish\n"
_HEADS = {
    "a/by_helper.py": "import helper\n@trigger(event=helper.EVENT)",
    "a/by_package.py": "from parts.names import EVENT\n@trigger(event=EVENT)",
    "a/by_json.py": "import json, pathlib\nwords = json.loads(pathlib.Path('words.json').read_text())"
    "\n@trigger(events=words)",
    "a/by_variable.py": "import os\n@trigger(event=os.environ.get('APP_EVENT', 'unset'))",
    "a/by_session.py": "import os\n@trigger(event='level-' + os.environ.get('SHLVL', '0'))",
    "a/by_existence.py": "import os\n@trigger(event='there' if os.path.exists('flag') else 'absent')",
    "a/by_size.py": "import os\n@trigger(event=f'size-{os.path.getsize(\"words.json\")}')",
    "b/by_list.py": "import os\n@trigger(events=sorted(os.listdir('names')) or ['none'])",
    "b/by_glob.py": "import glob, os\nfound = sorted(map(os.path.basename, glob.glob('names/*-*')))"
    "\n@trigger(events=found or ['none'])",
    "b/by_optional.py": "try:\n    import extra\n    EVENT = extra.EVENT\nexcept ImportError:\n    EVENT = 'no-extra'"
    "\n@trigger(event=EVENT)",
    "b/by_installed.py": "import installed\n@trigger(event=installed.EVENT)",
    "b/by_version.py": "from importlib.metadata import version\n@trigger(event='v-' + version('installed'))",
    "b/by_config.py": "@trigger(event='config')",
    "b/by_file.py": "@trigger(event='file')",
    "b/by_call.py": "import pathlib\n@trigger(event=lambda context: pathlib.Path('called.txt').read_text())",
    "b/waits.py": "@trigger_on_finish(flow='ByHelper')",
}
_BODIES = {
    "b/by_config.py": "    settings = Config('settings', default='settings.json')\n"
    "    size = Parameter('size', default=settings.size)\n",
    "b/by_file.py": "    data = IncludeFile('data', default='data.txt')\n",
}


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in Path(name).stem.split("_"))


FLOWS = {name: f"{head}\nclass {_class(name)}(FlowSpec):\n{_BODIES.get(name, '')}" for name, head in _HEADS.items()}
FLOWS["b/two.py"] = (
    "import os\n@trigger(event=os.environ.get('APP_EVENT', 'unset'))\nclass First(FlowSpec):"
    f"{_STEPS}\nimport second_half\n@trigger(event=second_half.EVENT)\nclass Second(FlowSpec):"
)
_OTHERS = {
    "a/helper.py": "EVENT = 'helper-0'\n",
    "a/parts/__init__.py": "",
    "a/parts/names.py": "from .deeper import WORD\nEVENT = 'package-' + WORD\n",
    "a/parts/deeper.py": "WORD = 'zero'\n",
    "a/words.json": '["word-0"]',
    "b/names/one-0": "",
    "b/settings.json": '{"size": 1}',
    "b/data.txt": "data",
    "b/called.txt": "called-0",
    "b/second_half.py": "EVENT = 'second-0'\n",
    "site-packages/installed/__init__.py": "EVENT = 'installed-0'\n",
    "site-packages/installed-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: installed\nVersion: 1.0\n",
}


def make(folder: Path) -> None:
    """Write the project."""
    shutil.rmtree(folder / "site-packages", ignore_errors=True)
    for name, text in _OTHERS.items():
        _write(folder / name, text)
    for name, text in FLOWS.items():
        _write(folder / name, f"{_HEAD}{text}{_STEPS}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


class Edits:
    """Edits of a folder. `environment` is what the edits of variables have left."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder, self._chance = folder, chance
        self._number = 0
        self.environment: dict[str, str] = {}

    def one(self, *, mend: bool = False) -> str:
        """Make one edit; its name. `mend`: one that leaves no mistake."""
        self._number += 1
        if mend:
            make(self._folder)
            return "mended"
        name = self._chance.choice(sorted(EDITS))
        EDITS[name](self)
        return name

    # Each edit -------------------------------------------------------------------------------------------------------

    def _text(self, name: str, text: str) -> None:
        _write(self._folder / name, text)

    def helper(self) -> None:
        self._text("a/helper.py", f"EVENT = 'helper-{self._number}'\n")

    def same_size_and_time(self) -> None:
        """As an editor that keeps a file's times: only the time of the change itself says it."""
        path = self._folder / "a/helper.py"
        was = path.stat() if path.exists() else None
        self._text("a/helper.py", f"EVENT = 'h-{self._number % 10}'\n")
        if was:
            os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    def another_file_in_its_place(self) -> None:
        beside = self._folder / "a/beside"
        beside.write_text(f"EVENT = 'r-{self._number % 10}'\n")
        beside.replace(self._folder / "a/helper.py")

    def deeper(self) -> None:
        self._text("a/parts/deeper.py", f"WORD = 'deep-{self._number}'\n")

    def deleted_module(self) -> None:
        (self._folder / self._chance.choice(("a/helper.py", "a/parts/deeper.py"))).unlink(missing_ok=True)

    def module_in_front(self) -> None:
        """A package where a module of that name was: it comes first."""
        place = self._folder / "a/helper"
        if place.exists():
            shutil.rmtree(place)
        else:
            self._text("a/helper/__init__.py", f"EVENT = 'front-{self._number}'\n")

    def data(self) -> None:
        self._text("a/words.json", json.dumps([f"word-{n}" for n in range(self._chance.randint(1, 3))]))

    def variable(self) -> None:
        name = self._chance.choice(VARIABLES)
        if name in self.environment and self._chance.random() < 0.4:
            del self.environment[name]
        else:
            self.environment[name] = f"v{self._number}"

    def flag(self) -> None:
        path = self._folder / "a/flag"
        path.unlink() if path.exists() else path.write_text("")

    def names(self) -> None:
        path = self._folder / f"b/names/n-{self._chance.randint(0, 3)}"
        path.unlink() if path.exists() else path.write_text("")

    def extra(self) -> None:
        path = self._folder / self._chance.choice(("b/extra.py", "site-packages/extra.py"))
        path.unlink() if path.exists() else path.write_text(f"EVENT = 'extra-{self._number}'\n")

    def installed(self) -> None:
        self._text("site-packages/installed/__init__.py", f"EVENT = 'installed-{self._number}'\n")

    def upgraded(self) -> None:
        site = self._folder / "site-packages"
        (was,) = site.glob("installed-*.dist-info")
        now = f"1.{self._number}"
        was.rename(site / f"installed-{now}.dist-info")
        self._text(
            f"site-packages/installed-{now}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: installed\nVersion: {now}\n",
        )

    def config(self) -> None:
        self._text("b/settings.json", json.dumps({"size": self._number}))

    def included(self) -> None:
        path = self._folder / "b/data.txt"
        path.unlink() if path.exists() and self._chance.random() < 0.3 else path.write_text(f"data-{self._number}")

    def called(self) -> None:
        self._text("b/called.txt", f"called-{self._number}")

    def second_half(self) -> None:
        self._text("b/second_half.py", f"EVENT = 'second-{self._number}'\n")

    def flow(self) -> None:
        name = self._chance.choice(sorted(FLOWS))
        self._text(name, f"{_HEAD}# {self._number}\n{FLOWS[name]}{_STEPS}")

    def flow_comes_and_goes(self) -> None:
        path = self._folder / "a/more.py"
        if path.exists():
            path.unlink()
        else:
            path.write_text(f"{_HEAD}@trigger(event='more-{self._number}')\nclass More(FlowSpec):{_STEPS}")

    def broken_flow(self) -> None:
        path = self._folder / "b/waits.py"
        text = f"{_HEAD}{FLOWS['b/waits.py']}{_STEPS}"
        path.write_text(text if "raise" in path.read_text() else text + "\nraise ValueError('broken')\n")

    def touched(self) -> None:
        for path in self._folder.rglob("*.py"):
            os.utime(path)

    def nothing(self) -> None:
        pass


EDITS: dict[str, Callable[[Edits], None]] = {
    name: value for name, value in vars(Edits).items() if not name.startswith("_") and name != "one"
}
