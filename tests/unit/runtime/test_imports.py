"""What `import metaflow` needs of ours: steps on a cloud import it in Pythons of all kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers import contract

SCRIPT = """
import json, sys
sys.modules["sqlite3"] = None  # as in a Python that was built without it
from metaflow import FlowSpec, emit_event, namespaced_event_name, schedule, trigger, trigger_on_finish
from metaflow.plugins import STEP_DECORATORS
print(json.dumps([item.name for item in STEP_DECORATORS]))
"""


def test_sqlite_is_not_needed_where_no_engine_runs(workspace: Any) -> None:
    done = workspace.python("-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    assert "triggers_local_internal" in json.loads(done.stdout.splitlines()[-1])


CONTRACT = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__("metaflow_extensions.triggers.contract." + name)
print(*sorted(name.partition(".")[0] for name in set(sys.modules) - before))
"""

COSTLY = {"ast", "base64", "dataclasses", "datetime", "decimal", "inspect", "logging", "pathlib", "typing", "urllib"}
"""Modules of Python that take about as long to import as the contract, or longer: what needs one imports it there."""


def test_the_contract_needs_little_of_the_standard_library_and_nothing_else() -> None:
    folder = Path(contract.__file__).parent
    names = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    assert len(names) > 7
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CONTRACT, str(folder.parents[2]), *names],
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(done.stdout.split())
    assert loaded - set(sys.stdlib_module_names) == {"metaflow_extensions"}
    assert not loaded & COSTLY
