"""Asking: questions to the Kubernetes API, whose refusals become findings.

In:   a cluster, what is asked about.
Out:  `Asked`: what has been answered so far, and what cannot be asked because of it; `Refused` where the API refuses.

Not here: what an answer means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ....diagnostics import DiagnosticError
from ....doctor.findings import Finding, not_asked
from ..deploy.cluster import Cluster

ARGO = "/apis/argoproj.io/v1alpha1"
CORE = "/api/v1"


class Refused(Exception):
    """There is no answer."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.needs)
        self.finding = finding


@dataclass
class Asked:
    """`user` is whom the cluster takes us for, or "" where it does not tell. `absent` are namespaces that are not
    there, `kinds` what of Argo the cluster knows: nothing is asked of what follows from them."""

    cluster: Cluster
    user: str = ""
    absent: set[str] = field(default_factory=set)
    kinds: frozenset[str] = frozenset()

    def get(self, thing: str, root: str, plural: str, namespace: str, name: str) -> Any:
        """The object, or None. Raises Refused."""
        if namespace in self.absent:
            raise Refused(not_asked(thing, f"the namespace `{namespace}`"))
        if root == ARGO and plural not in self.kinds:
            raise Refused(not_asked(thing, "the definitions of Argo's objects"))
        path = f"{root}/namespaces/{quote(namespace)}/{plural}/{quote(name)}"
        return self.answer(thing, "GET", path, f"`get {plural}` in `{namespace}`")

    def answer(self, thing: str, method: str, path: str, right: str, body: Any = None) -> Any:
        """What is answered, None for 404. Raises Refused."""
        try:
            status, answer = self.cluster.ask(method, path, body)
        except DiagnosticError as error:
            raise Refused(not_asked(thing, "a cluster that answers", error.diagnostics[0].message)) from error
        if status == 404:
            return None
        if status in (401, 403):
            raise Refused(not_asked(thing, right))
        if status >= 400:
            why = " ".join(str(answer.get("message", "")).split())
            raise Refused(not_asked(thing, f"an answer to {right}", f"status {status} {why}".rstrip()))
        return answer


def each(questions: Iterable[Callable[[], Finding]]) -> Iterator[Finding]:
    """The findings of questions, each of which may raise Refused."""
    for question in questions:
        try:
            yield question()
        except Refused as refused:
            yield refused.finding
