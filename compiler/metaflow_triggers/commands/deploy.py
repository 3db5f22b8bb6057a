"""Deploy commands: `create`, `diff --live` and `delete` over many flows.

In:   the parsed arguments.
Out:  the plan and what was done on standard output, diagnostics and progress on standard error; an exit code: 0 good,
      1 a mistake in the flows or a flow that was refused, 2 a setting or an argument that is missing; of `diff --live`
      1 is that something differs, 2 a mistake.

Not here: the arguments (`cli`), plans (`deploying`), reading, compiling. Heavy modules are imported late.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..backends import registry
from ..diagnostics import Diagnostic, DiagnosticError

EXIT_GOOD, EXIT_ERROR, EXIT_USAGE = 0, 1, 2
_CHOICES = ("authorize", "given_token", "generate_new_token", "accept_changes", "log_execution_history", "full")


def create(options: argparse.Namespace) -> int:
    """Deploy all flows, or say what that would do."""
    return guarded(lambda kept: _create(options, kept))


def diff_live(options: argparse.Namespace) -> int:
    """What `create` would do. Exit code 0: nothing, 1: something, 2: a mistake."""
    same: list[bool] = []
    code = guarded(lambda kept: _diff_live(options, kept, same.append))
    return EXIT_USAGE if code or not same else int(not same[0])


def delete(options: argparse.Namespace) -> int:
    """Remove what `create` made of all flows."""
    return guarded(lambda kept: _delete(options, kept))


def guarded(work: Callable[[str], int]) -> int:
    """Do it with a folder for what is uploaded; tell what it raises. Returns the exit code."""
    import tempfile

    from ..reports.terminal import show

    try:
        with tempfile.TemporaryDirectory(prefix="metaflow-triggers-") as kept:
            return work(kept)
    except DiagnosticError as error:
        show([*error.diagnostics, *error.aftermath], None, error.result or "nothing was changed")
        missing = all(item.code in ("FT002", "FT709", "FT780") for item in error.diagnostics)
        return EXIT_USAGE if missing else EXIT_ERROR


def _diff_live(options: argparse.Namespace, kept: str, same: Callable[[bool], None]) -> int:
    from ..deploying import run, words
    from .whole_project import compiled, parts_of, refused

    project = compiled(options, kept)
    if refused(project, options, leave_out=said_by_clouds(project.names)):
        return EXIT_ERROR
    said = Remarks(options)
    choices = {"accept_changes": True, "full": options.full, "log_execution_history": options.log_execution_history}
    whole = run.plan(parts_of(project, said.remark), choices)
    said.show()
    sys.stdout.write(words.text(whole))
    same(whole.same)
    return _tell_refused(whole)


def _delete(options: argparse.Namespace, kept: str) -> int:
    from ..deploying import run, words
    from .whole_project import parts_to_delete, read_alone, refused

    project = read_alone(options, kept)
    if refused(project, options, leave_out=frozenset()):
        return EXIT_ERROR
    parts = parts_to_delete(project)
    choices = {"authorize": options.authorize, "drop_waiting": options.drop_waiting}
    whole = run.plan(parts, choices, deleting=True)
    sys.stdout.write(words.text(whole))
    sys.stdout.flush()
    if options.plan or not any(row.changes for row in whole.rows):
        if whole.same:
            sys.stdout.write("nothing to do: none of it is deployed\n")
        return _tell_refused(whole)
    agreed(options, f"delete {_deployments(sum(row.changes for row in whole.rows))}")
    done = run.carry_out(
        whole, parts, choices, lambda row, number, of: _progress(words.done(row, number, of)), deleting=True
    )
    sys.stdout.write(words.notes(done))
    sys.stdout.write(f"done: {words.total(done)}\n")
    return _tell_refused(done)


def _deployments(count: int) -> str:
    return f"{count} deployment{'' if count == 1 else 's'}"


def agreed(options: argparse.Namespace, what: str) -> None:
    """Raise DiagnosticError (FT780) unless `--yes` was given, or somebody says so."""
    if options.yes:
        return
    helps = ("look at the plan above, then repeat the command with --yes",)
    if not sys.stdin.isatty():
        raise DiagnosticError([Diagnostic("FT780", f"nobody is there to be asked whether to {what}", helps=helps)])
    sys.stderr.write(f"{what}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DiagnosticError([Diagnostic("FT780", f"{what}: the answer was not yes", helps=helps)])


def _create(options: argparse.Namespace, kept: str) -> int:
    from ..deploying import run, words
    from ..deploying.plan import WholePlan
    from . import saved_plan
    from .whole_project import compiled, parts_of, refused

    planned = None if options.apply is None else saved_plan.load(Path(options.apply))
    if options.prune:
        from .. import seams
        from ..reading.paths import import_metaflow
        from . import prune

        import_metaflow()
        prune.require(options, seams.configured("TRIGGERS_PROJECT_ID"))
    said = Remarks(options)
    if options.reviewed:
        from .reviewed_folder import reviewed_parts

        project, parts = reviewed_parts(options, said.remark)
    else:
        project = compiled(options, kept)
        if refused(project, options, leave_out=said_by_clouds(project.names)):
            return EXIT_ERROR
        parts = parts_of(project, said.remark)
    choices = {name: getattr(options, name, None) for name in _CHOICES}
    whole = run.plan(parts, choices)
    going = prune.pruning(options, project, parts, choices) if options.prune else None
    said.show()
    shown = whole if going is None else WholePlan((*whole.rows, *going.whole.rows))
    sys.stdout.write(words.text(shown))
    if going is not None:
        sys.stdout.write(prune.kept(going))
    sys.stdout.flush()
    if planned is not None:
        saved_plan.prove(planned, shown)
    if isinstance(options.plan, str):
        saved_plan.write(Path(options.plan), shown)
    if options.plan or not shown.changes:
        if shown.same:
            sys.stdout.write(f"{words.NOTHING}\n")
        return _tell_refused(shown)
    if going is not None and planned is None and going.changes:
        agreed(options, f"delete {_deployments(going.changes)}")
    done = run.carry_out(whole, parts, choices, lambda row, number, of: _progress(words.done(row, number, of)))
    if going is not None and going.changes:
        done = _pruned(done, going, choices)
    said.show()
    sys.stdout.write(words.notes(done))
    sys.stdout.write(f"done: {words.total(done)}\n")
    _tell_tokens(project)
    return _tell_refused(done)


def _pruned(done: Any, going: Any, choices: Any) -> Any:
    """Deletions come when all else is there: a renamed flow is never without one of its two deployments."""
    from ..deploying import run, words
    from ..deploying.plan import WholePlan

    if done.refused:
        _progress("nothing is pruned, because not everything could be deployed")
        return done
    gone = run.carry_out(
        going.whole, going.parts, choices, lambda row, number, of: _progress(words.done(row, number, of)), deleting=True
    )
    return WholePlan((*done.rows, *gone.rows))


def said_by_clouds(names: Sequence[str]) -> frozenset[str]:
    """Codes of which the clouds tell more than compiling."""
    return frozenset(code for name in names for code in registry.deployer(name).SAYS)


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _tell_tokens(project: Any) -> None:
    """Of tokens that are new: those who deploy the flows next may need them."""
    for flow, lines in project.told.items():
        token = next((line.strip() for line in lines if line.strip().startswith("production:")), None)
        if token and any("generated" in line or "given token" in line for line in lines):
            sys.stdout.write(f"the production token of {flow} is {token}\n")


def _tell_refused(whole: Any) -> int:
    from ..reports.terminal import show

    if not whole.refused:
        return EXIT_GOOD
    found = list(dict.fromkeys(item for row in whole.refused for item in row.refusal))
    show(found, len(whole.rows), f"{len(whole.refused)} of {len(whole.rows)} refused")
    return EXIT_ERROR


class Remarks:
    """What clouds have to say of flows: told together. With `--strict` a flow is refused for a warning."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._strict = bool(getattr(options, "strict", False))
        self._said: list[Diagnostic] = []
        self._new: list[Diagnostic] = []

    def remark(self, found: Sequence[Diagnostic]) -> None:
        """Raises DiagnosticError where they refuse the flow."""
        from ..rules.weight import refuses

        new = [item for item in found if item not in self._said]
        if refuses(new, strict=self._strict):
            raise DiagnosticError(new)
        self._said += new
        self._new += new

    def show(self) -> None:
        """Tell what is new."""
        from ..reports.terminal import show

        new, self._new = self._new, []
        show(new)
