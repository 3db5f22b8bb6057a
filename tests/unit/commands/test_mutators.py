"""Mutators: what a mutator adds to a flow is compiled as if it were written there, above and below `@project` and on a
base class."""

from __future__ import annotations

from pathlib import Path

import yaml

from ..reading.many import STEPS, flow, guard, write
from .conftest import Run

HEAD = "from metaflow import FlowMutator, FlowSpec, project, retry, schedule, step, trigger\n"
MUTATORS = (
    "class Starts(FlowMutator):\n"
    "    def init(self, event='made'):\n        self.event = event\n"
    "    def pre_mutate(self, mutable_flow):\n"
    "        mutable_flow.add_decorator(trigger, deco_kwargs={'event': self.event})\n"
    "class OfShop(FlowMutator):\n"
    "    def pre_mutate(self, mutable_flow):\n"
    "        mutable_flow.add_decorator(project, deco_kwargs={'name': 'shop'})\n"
    "class Retries(FlowMutator):\n"
    "    def init(self, times=1):\n        self.times = times\n"
    "    def mutate(self, mutable_flow):\n"
    "        for _, item in mutable_flow.steps:\n"
    "            item.add_decorator(retry, deco_kwargs={'times': self.times})\n"
)
PROJECT = "@project(name='shop')"
RETRIED = STEPS.replace("    @step", "    @retry(times=2)\n    @step")

# A file with mutators, and the same file without them.
FILES: dict[str, tuple[str, str]] = {
    "above.py": (
        flow("Above", above=f"@Starts(event='go')\n{PROJECT}") + guard("Above"),
        flow("Above", above=f"@trigger(event='go')\n{PROJECT}") + guard("Above"),
    ),
    "below.py": (
        flow("Below", above=f"{PROJECT}\n@Starts('go')") + guard("Below"),
        flow("Below", above=f"{PROJECT}\n@trigger(event='go')") + guard("Below"),
    ),
    "empty.py": (
        flow("Empty", above=f"{PROJECT}\n@Starts()"),
        flow("Empty", above=f"{PROJECT}\n@trigger(event='made')"),
    ),
    "bare.py": (
        flow("Bare", above=f"@Starts\n{PROJECT}"),
        flow("Bare", above=f"@trigger(event='made')\n{PROJECT}"),
    ),
    "both.py": (
        flow("Both", above="@OfShop()\n@Starts(event='go')\n@Retries(times=2)"),
        flow("Both", above=f"{PROJECT}\n@trigger(event='go')", body=RETRIED),
    ),
    "base.py": (
        flow("Base", above=f"@Starts(event='go')\n{PROJECT}") + flow("OnBase", "Base", body="pass"),
        flow("Base", above=f"@trigger(event='go')\n{PROJECT}") + flow("OnBase", "Base", body="pass"),
    ),
    "quiet_base.py": (
        flow("Quiet", above="@Retries(times=2)") + flow("OnQuiet", "Quiet", f"@Starts()\n{PROJECT}", "pass"),
        flow("Quiet", body=RETRIED) + flow("OnQuiet", "Quiet", f"@trigger(event='made')\n{PROJECT}", "pass"),
    ),
    "company.py": (flow("Company", above="@Retries(2)\n@OfShop()"), flow("Company", above=PROJECT, body=RETRIED)),
    "of_company.py": (
        "from company import Company\n" + flow("OfCompany", "Company", "@Starts('go')", "pass"),
        "from company import Company\n" + flow("OfCompany", "Company", "@trigger(event='go')", "pass"),
    ),
}
FLOWS = {"Above", "Below", "Empty", "Bare", "Both", "Base", "OnBase", "OnQuiet", "Company", "OfCompany"}


def below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def compiled(kind: int, triggers: Run, folder: Path) -> dict[str, str]:
    write(folder / "in", {name: HEAD + ("" if kind else MUTATORS) + texts[kind] for name, texts in FILES.items()})
    words = ("compile", ".", "--no-code-package", "--output", str(folder / "out"))
    done = triggers(*words, cwd=folder / "in", settings={"METAFLOW_USER": "ada"})
    assert done.code == 0, done.err
    return below(folder / "out")


def test_a_mutator_is_compiled_as_what_it_adds(triggers: Run, tmp_path: Path) -> None:
    mutated, plain = (compiled(kind, triggers, tmp_path / str(kind)) for kind in (0, 1))
    assert mutated == plain
    templates = [yaml.safe_load(text) for name, text in mutated.items() if name.endswith("/workflowtemplate.yaml")]
    assert {item["metadata"]["annotations"]["metaflow/flow_name"] for item in templates} == FLOWS
    machines = {name for name in mutated if name.startswith("step-functions/")}
    assert machines >= {f"step-functions/shop.user.ada.{name}.yaml" for name in FLOWS}
