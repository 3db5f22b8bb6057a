"""Machine: what every command needs of this machine: Python, Metaflow, who the user is.

In:   the backends that are asked for.
Out:  findings.

Not here: the local engine's database (`engine.doctor`), clouds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata

from .. import seams
from ..backends import registry
from ..diagnostics import DiagnosticError
from ..doctor.findings import Finding, fine, lacking, not_asked, of_diagnostic

_RELEASE = re.compile(r"Programming Language :: Python :: (\d+)\.(\d+)$")


def examine(backends: tuple[str, ...]) -> Iterator[Finding]:
    """Every thing, each once."""
    yield _python(_supported())
    version = seams.metaflow_version()
    yield _metaflow(version, backends)
    others = seams.other_extensions()
    yield fine("other extensions", ", ".join(others) or "none")
    if seams.real_user():
        yield fine("user name", str(seams.real_user()))
    else:
        told = "neither METAFLOW_USER nor the operating system names one, but for `root`"
        yield lacking("user name", told, "set METAFLOW_USER", code="FT002")


def _supported() -> list[tuple[int, int]]:
    """The releases of Python that this package says it is tested with."""
    try:
        lines = metadata("metaflow-triggers").get_all("Classifier") or []
    except PackageNotFoundError:
        return []
    return sorted((int(found[1]), int(found[2])) for line in lines if (found := _RELEASE.match(line)))


def _python(known: list[tuple[int, int]]) -> Finding:
    thing, here = "Python", sys.version_info[:2]
    version = ".".join(map(str, sys.version_info[:3]))
    if not known:
        return not_asked(thing, "an installation of metaflow-triggers that names the releases it is for", version)
    if here in known:
        return fine(thing, version)
    span = f"{'.'.join(map(str, known[0]))} to {'.'.join(map(str, known[-1]))}"
    return lacking(thing, f"{version} is none of those that this version is tested with", f"use Python {span}")


def _metaflow(version: str, backends: tuple[str, ...]) -> Finding:
    thing = "Metaflow"
    if seams.is_old(version):
        told = f"{version} is older than those that are known here"
        return lacking(thing, told, "pip install --upgrade 'metaflow>=2.19.0'", code="FT004")
    try:
        upstreams = [spec.upstream for spec in registry.at_work(backends) if seams.is_on(spec.upstream)]
        seams.check_shape(upstreams)
        seams.prove_in_charge(upstreams)
    except DiagnosticError as error:
        return of_diagnostic(thing, error.diagnostics[0])
    return fine(thing, version)
