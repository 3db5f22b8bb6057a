"""Workshop: flow files, and commands as a user types them, with the settings of an engine.

In:   an engine, a folder, the text of a flow.
Out:  what the commands said; what Metaflow's client reads.

Not here: assertions about events.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.commands.conftest import Done, clean

from .engine import PATIENCE, Engine

IMPORTS = """from metaflow import (
    Flow, FlowSpec, JSONType, Parameter, Run, current, emit_event, namespace, namespaced_event_name, project, schedule,
    step, trigger, trigger_on_finish,
)"""


@dataclass(frozen=True)
class Workshop:
    """`folder` holds the flow files and is the user's home."""

    engine: Engine
    folder: Path

    def write(self, name: str, text: str) -> None:
        """The flow file of `name`: `text` between Metaflow's imports and the call at the end."""
        flow = text.partition("class ")[2].partition("(")[0]
        end = f"if __name__ == '__main__':\n    {flow}()\n"
        (self.folder / f"flow_{name}.py").write_text(f"{IMPORTS}\n\n{text}\n\n{end}")

    def python(self, *arguments: str, settings: dict[str, str] | None = None) -> Done:
        """Run Python in the folder, with the settings of the engine, or others, and nothing else."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=clean(self.folder, **(self.engine.settings if settings is None else settings)),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def create(self, name: str, *options: str, flow_options: tuple[str, ...] = ()) -> Done:
        """`python flow_<name>.py step-functions create`; it must succeed."""
        done = self.python(f"flow_{name}.py", "--no-pylint", *flow_options, "step-functions", "create", *options)
        assert done.code == 0, done.out + done.err
        return done

    def create_all(self, *names: str) -> None:
        """`create` for each, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.create, names))

    def read(self, code: str) -> Any:
        """What Metaflow's client finds: `code` binds `found` to something that JSON can say."""
        text = f"import json\n{IMPORTS}\nnamespace(None)\n{code}\nprint('FOUND' + json.dumps(found))"
        done = self.python("-c", text)
        assert done.code == 0, done.err + self.engine.job_output()
        return json.loads(done.out.partition("FOUND")[2])

    def artifacts(self, flow: str, *names: str) -> list[dict[str, Any]]:
        """The artifacts `names` of the last task of each successful run of `flow`, and its run id."""
        return list(
            self.read(
                f"found = [{{'run': run.id, **{{name: run['end'].task[name].data for name in {names!r}}}}}\n"
                f"         for run in Flow({flow!r}) if run.successful]"
            )
        )
