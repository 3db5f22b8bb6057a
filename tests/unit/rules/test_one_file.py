"""Adding a rule is adding one file: `check`, the catalogue and the page then have it (6 seconds of one processor)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
RULE = '''"""FT399: nothing starts a flow."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ..find import Checked

SEVERITY = "warning"
SOURCE = "semantics.md#7-when-a-flow-starts"
FINDS = "A flow without a trigger and without a schedule."
WHY = "It runs when somebody starts it, and never else."
BAD = "class LoadFlow(FlowSpec): ..."
GOOD = """
@schedule(daily=True)
class LoadFlow(FlowSpec): ...
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow in checked.graph.flows:
        if not flow.triggers and not flow.schedule:
            yield Diagnostic("FT399", f"nothing starts `{flow.name}`", flow.span, "by hand only")
'''
FLOW = """
from metaflow import FlowSpec, step

class LoadFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_rule_is_one_file(tmp_path: Path) -> None:
    package = tmp_path / "source" / "metaflow_triggers"
    shutil.copytree(ROOT / "compiler" / "metaflow_triggers", package)
    for data in ("schemas", "templates"):
        shutil.copytree(ROOT / data, package / data)
    (tmp_path / "flow.py").write_text(FLOW, "utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "METAFLOW_USER": "reader"}
    environment["PYTHONPATH"] = str(package.parent)

    def said(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "FT399" not in said("metaflow_triggers.commands.cli", "check", "flow.py")
    (package / "rules" / "in_graph" / "ft399_nothing_starts_it.py").write_text(RULE, "utf-8")
    told = said("metaflow_triggers.commands.cli", "check", "flow.py")
    assert "warning[FT399]: nothing starts `LoadFlow`\n --> flow.py:4:7\n" in told
    assert "warning[FT399]" in said("metaflow_triggers.commands.cli", "check", "flow.py", "--strict", code=1)
    page = said("metaflow_triggers.reports.page")
    assert "\n| [FT399](#FT399) | warning | nothing starts a flow |\n" in page
    _, _, section = page.partition('### <a id="FT399"></a>FT399: nothing starts a flow\n')
    assert section.startswith("\nSeverity: warning.\n\n**What it finds.** A flow without a trigger")
