"""What `import metaflow` needs of ours: steps on a cloud import it in Pythons of all kinds."""

from __future__ import annotations

import json
from typing import Any

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
from metaflow_extensions.triggers.contract import event_check, event_reader, parameter_values, trigger_document, words
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - set(sys.stdlib_module_names)), trigger_document.VERSION)
"""


def test_the_contract_needs_the_standard_library_alone(workspace: Any) -> None:
    done = workspace.python("-c", CONTRACT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['metaflow_extensions'] 1\n"
