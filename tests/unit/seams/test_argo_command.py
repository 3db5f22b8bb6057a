"""The start step of a WorkflowTemplate hands a run its values inside our launcher, whatever form Metaflow writes."""

from __future__ import annotations

import pytest
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.seams.workflow_templates import _argo_command

DUMP = "(if ! python flow.py dump --max-value-size=0 r/_parameters/p >/dev/null 2>/dev/null; then "
INIT = "flow.py --quiet init --run-id argo-{{workflow.name}} --task-id t-params"
STEP = "; fi && python flow.py --quiet step start --run-id argo-{{workflow.name}})"
VALUES = "{{=toBase64(workflow.parameters['order'])}}", "{{=toBase64(workflow.parameters['dry-run'])}}"
LAUNCHED = "python -m metaflow_extensions.triggers.plugins.launcher argo-workflows "
EXPECTED = f"{DUMP}{LAUNCHED}order,f,{VALUES[0]} dry-run,f,{VALUES[1]} -- {INIT}{STEP}"


def test_values_in_a_file_as_metaflow_writes_them_now() -> None:
    values = f"order,f,{VALUES[0]} dry-run,f,{VALUES[1]}"
    export = f"python -m metaflow.plugins.argo.set_parameters abc {values} && . `pwd`/abc && "
    assert _argo_command(f"{export}{DUMP}python {INIT}{STEP}") == EXPECTED


def test_values_in_options_as_metaflow_2_19_0_writes_them() -> None:
    options = "".join(
        f' --{name}="$(python -m metaflow.plugins.argo.param_val {value})"'
        for name, value in zip(("order", "dry-run"), VALUES, strict=True)
    )
    assert _argo_command(f"{DUMP}python {INIT}{options}{STEP}") == EXPECTED


def test_a_flow_without_parameters_is_launched_too() -> None:
    assert _argo_command(f"{DUMP}python {INIT}{STEP}") == f"{DUMP}{LAUNCHED}-- {INIT}{STEP}"


def test_other_steps_stay() -> None:
    assert _argo_command("python flow.py step end --run-id r") == "python flow.py step end --run-id r"


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(DiagnosticError):
        _argo_command(f"{DUMP}python {INIT} --order=$(python -m metaflow.plugins.argo.param_val x){STEP}")


def test_a_step_behind_a_switch_asks_ours_which_tasks_have_run() -> None:
    """Metaflow's own takes the empty text for a task that Argo Workflows 4 puts for a branch not taken."""
    step = "python flow.py step end --input-paths $(python -m {}.conditional_input_paths $(echo $INPUT_PATHS) )"
    ours = step.replace("{}.conditional_input_paths", "metaflow_extensions.triggers.plugins.argo_input_paths")
    assert _argo_command(step.format("metaflow.plugins.argo")) == ours
