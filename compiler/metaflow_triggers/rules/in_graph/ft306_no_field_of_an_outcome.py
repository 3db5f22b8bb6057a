"""FT306: an outcome has no such field."""

from collections.abc import Iterator

from metaflow_extensions.triggers.contract.trigger_document import OUTCOME_FIELDS

from ...diagnostics import Diagnostic
from ...diagnostics.suggest import did_you_mean
from ...model.flows import FinishDependency, PayloadField, Span
from ..find import Checked

SOURCE = "semantics.md#4-trigger_on_finish"
FINDS = """A mapping or a filter of @trigger_on_finish names a field that the payload of an outcome lacks. It has
`flow`, `run_id`, `outcome`, `project`, `branch`, `step` and `error`."""
WHY = "The parameter would never get a value; the filter would never match."
BAD = "@trigger_on_finish(flow='ScoreFlow', parameters={'run': 'runId'})"
GOOD = "@trigger_on_finish(flow='ScoreFlow', parameters={'run': 'run_id'})"


def find(checked: Checked) -> Iterator[Diagnostic]:
    for flow, trigger in checked.triggers():
        for dependency in trigger.dependencies:
            if not isinstance(dependency, FinishDependency):
                continue
            for mapping in dependency.mappings:
                if isinstance(mapping.source, PayloadField):
                    what = f"`{flow.name}` maps `{mapping.parameter}` from"
                    label = f"`{mapping.parameter}` would never get a value"
                    yield from _lacking(mapping.source.path, what, mapping.span, label)
            for name in dependency.filter.value if dependency.filter else ():
                what = f"`{flow.name}` filters the end of `{dependency.flow}` by"
                yield from _lacking(name, what, dependency.span, "no outcome has it")


def _lacking(field: str, what: str, span: Span, label: str) -> Iterator[Diagnostic]:
    if field not in OUTCOME_FIELDS:
        yield Diagnostic(
            "FT306",
            f"{what} `{field}`, which an outcome does not have",
            span,
            label,
            notes=("an outcome has " + ", ".join(f"`{name}`" for name in OUTCOME_FIELDS),),
            helps=did_you_mean(field, OUTCOME_FIELDS),
        )
