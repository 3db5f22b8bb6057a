"""Examine: all that a deployment to this cluster needs, in the order in which one question depends on another.

In:   settings, flows; a client of the `kubernetes` package, or its configuration from the usual places.
Out:  findings.

Not here: how a thing is asked for. What cannot be asked without a cluster is listed as not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .... import seams
from ....doctor.findings import Finding, lacking, not_asked
from ....model.flows import Flow
from ....model.settings import Settings
from ...setting_forms import mistakes
from ..compile.setting_forms import FORMS
from . import cluster_itself, objects, pollers, rights, store, webhook_from_here
from .asking import each
from .named_by_flows import places

_WITHOUT = ("Argo Workflows", "Argo Events", "namespaces", "event bus", "Secrets", "account of runs", "rights")


def examine(
    settings: Settings,
    flows: Sequence[Flow],
    client: Any = None,
    make_client: Callable[[str], Any] | None = None,
    *,
    polled: Sequence[Flow] = (),
) -> Iterator[Finding]:
    """Every thing, each once. `polled` are those of the flows that poll triggers start."""
    told = list(mistakes(settings, FORMS))
    yield from (lacking("settings", item.message, *item.helps, code=item.code) for item in told)
    yield store.store(settings, make_client)
    from_here = webhook_from_here.asked()
    if from_here is not None:
        yield from_here
    if told:
        yield not_asked("cluster", "settings that name what can be there")
        return
    found, asked = cluster_itself.reached(client)
    yield from found
    if asked is None:
        yield from (not_asked(thing, "a cluster that answers, and credentials") for thing in _WITHOUT)
        return
    yield from cluster_itself.definitions(asked)
    there = places(settings, flows)
    yield from cluster_itself.namespaces(asked, settings, there.namespaces)
    pulled, named = _names("KUBERNETES_IMAGE_PULL_SECRETS"), _names("KUBERNETES_SECRETS")
    yield from each(objects.questions(settings, asked, pulled, named))
    yield from each(objects.of_flows(there, settings, asked))
    yield from rights.rights(settings, asked, there.namespaces, is_polled=bool(polled))
    yield from pollers.pollers(settings, polled, asked)


def _names(setting: str) -> tuple[str, ...]:
    """Those that a setting of Metaflow's lists: a text with commas, or JSON."""
    said = seams.configured(setting) or ""
    return tuple(dict.fromkeys(name for part in said.split(",") if (name := part.strip(' []"'))))
