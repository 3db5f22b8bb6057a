"""Code package: what a task unpacks, with reproducible bytes.

In:   the click state, settings.
Out:  `CodePackage`.

Not here: what Metaflow puts into it.
"""

from __future__ import annotations

import bisect
import contextlib
import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import polling, regular
from ..diagnostics import Diagnostic, DiagnosticError
from ..model.settings import Settings, open_setting
from . import kept_compression
from .conda import is_conda, kept_packages
from .configuration import datastore_root
from .environment import CanonicalEnvironment, attached, s3_datastore, upstream_errors
from .package_content import looked_up_once
from .parts import Parts


@dataclass(frozen=True)
class CodePackage:
    """A code package: its bytes (None when it was left out), its SHA-1 and its place below the datastore root.

    `parts` is what else the compiled workflow refers to; upstream's compilers add to it. `only_for`: the step
    decorators without which its environment would be another one, or None.
    """

    blob: bytes | None
    metadata: str
    sha: str
    path: str
    parts: Parts
    only_for: tuple[str, ...] | None = None


def build_code_package(obj: Any, settings: Settings, attaches: Sequence[str]) -> CodePackage:
    """The flow's code package with reproducible bytes, or a placeholder with `--no-code-package`.

    `attaches` are the step decorators of the backend at work.
    The place is the one upstream's content-addressed store would choose (content_addressed_store.py:98-105).
    """
    from metaflow.package import MetaflowPackage

    parts = Parts(settings)
    if not settings.code_package:
        metadata = json.dumps({"version": 0, "archive_format": "tgz", "mfcontent_version": 1})
        return CodePackage(None, metadata, open_setting("CodePackageSha"), open_setting("CodePackagePath"), parts)
    conda = is_conda(obj.environment)
    with (
        # The packages of an environment depend on where the steps run.
        attached(obj, attaches, s3_datastore(obj, datastore_root(settings))) if conda else contextlib.nullcontext(),
        kept_packages(obj.environment, parts),
        upstream_errors(obj),
        looked_up_once(),
    ):
        package = MetaflowPackage(
            obj.flow,
            CanonicalEnvironment(obj.environment, settings),
            obj.echo,
            suffixes=obj.package_suffixes,
            flow_datastore=None,
            backend=_reproducible_backend(),
        )
        blob = bytes(package.blob)
    sha = hashlib.sha1(blob).hexdigest()  # noqa: S324 - the name that Metaflow's datastore gives it
    path = f"{obj.flow.name}/data/{sha[:2]}/{sha}"
    return CodePackage(blob, package.package_metadata, sha, path, parts, tuple(attaches) if conda else None)


_METAFLOW_FILES = ".mf_code/metaflow/"
"""Where Metaflow itself lies in a package (packaging_sys/v1.py)."""

_compressed: dict[tuple[tuple[str, str | bytes], ...], bytes] = {}
"""Metaflow's part of a package, by names in the package and paths: the files do not change while a command runs."""


def _content(path: str) -> bytes:
    """Raises DiagnosticError (FT125): what stands in the flow's folder may be a pipe, or a link to nothing."""
    try:
        return regular.read(path, None)
    except regular.Unreadable as error:
        message = f"the code package cannot have `{path}`: it {error}"
        helps = ("remove it from the flow's folder, which Metaflow packs whole",)
        raise DiagnosticError([Diagnostic("FT125", message, helps=helps)]) from None


def _tar(members: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Members of a tar file without its end; each is a path or the content itself."""
    out = io.BytesIO()
    for name, source in members:
        data = source if isinstance(source, bytes) else _content(source)
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mtime = 1575360000  # as upstream's (tar_backend.py:33)
        info.mode = 0o644
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        out.write(data + b"\0" * (-len(data) % tarfile.BLOCKSIZE))
    return out.getvalue()


_OUR_IMPORT = re.compile(rb"^[^#\n]*\b(metaflow_triggers|cloaca)\b", re.MULTILINE)


def _ours_for(members: dict[str, str | bytes]) -> dict[str, str | bytes]:
    """What files that declare poll triggers import, for a package that has such a file of the user's: steps import it,
    and a poller does.
    """
    named: set[bytes] = set()
    for name, source in members.items():
        if name.endswith(".py") and not name.startswith(".mf_"):
            named.update(_OUR_IMPORT.findall(source if isinstance(source, bytes) else _content(source)))
    if not named:
        return {}
    root = Path(polling.__file__).parent.parent
    found: dict[str, str | bytes] = {}
    for item in polling.TRAVELS:
        place = root / item
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            found[f".mf_code/metaflow_triggers/{path.relative_to(root).as_posix()}"] = str(path)
    if b"cloaca" in named:
        found[".mf_code/cloaca.py"] = str(root / "poll" / "standin" / "cloaca.py")
    return {name: source for name, source in found.items() if name not in members}


def _compress(data: bytes) -> bytes:
    """One member of a gzip file, without its clock and name."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=6) as compressed:
        compressed.write(data)
    return buffer.getvalue()


def preload_code_package() -> None:
    """Compress Metaflow's part now, for the processes that are forked afterwards. Changes no package."""
    # Where a Metaflow has another shape, each process compresses it for itself.
    with contextlib.suppress(ImportError, AttributeError, TypeError, OSError):
        from metaflow.packaging_sys import ContentType
        from metaflow.packaging_sys.v1 import MetaflowCodeContentV1

        archive = _reproducible_backend()().create()
        with looked_up_once():
            content = MetaflowCodeContentV1(criteria=lambda module: False)
        for path, name in content.contents(ContentType.CODE_CONTENT):
            archive.add_file(path, name)
        archive.get_blob()


_backend_class: Any = None


def _reproducible_backend() -> Any:
    """Upstream's tar backend without what differs between machines: owner, mode, order, gzip's clock."""
    global _backend_class  # noqa: PLW0603 - Metaflow refuses to register a second class of the same type
    if _backend_class is not None:
        return _backend_class
    from metaflow.packaging_sys.tar_backend import TarPackagingBackend

    class ReproducibleTar(TarPackagingBackend):  # type: ignore[misc]
        type = "metaflow-triggers-tgz"

        @classmethod
        def backend_type(cls) -> str:
            return "tgz"  # what the task unpacks it with

        def create(self) -> Any:
            self._members: dict[str, str | bytes] = {}
            return self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            self.close()

        def add_file(self, filename: str, arcname: str | None = None) -> None:
            self._members[(arcname or filename).lstrip("/")] = filename

        def add_data(self, data: Any, arcname: str) -> None:
            self._members[arcname.lstrip("/")] = data.getvalue()

        def close(self) -> None:
            pass

        def get_blob(self) -> bytes:
            self._members.update(_ours_for(self._members))
            names = sorted(self._members)
            # Names with one prefix stand together. A gzip file may have several members; Metaflow's own files are one,
            # which is the same for all flows.
            first = bisect.bisect_left(names, _METAFLOW_FILES)
            last = bisect.bisect_left(names, _METAFLOW_FILES[:-1] + "0")  # the character after the slash
            parts = [[(name, self._members[name]) for name in part] for part in (names[:first], names[last:])]
            metaflow = tuple((name, self._members[name]) for name in names[first:last])
            if metaflow not in _compressed:
                _compressed[metaflow] = kept_compression.compressed(_tar(metaflow), _compress)
            before, after = _tar(parts[0]), _tar(parts[1])
            end = b"\0" * 1024
            return (_compress(before) if before else b"") + _compressed[metaflow] + _compress(after + end)

    _backend_class = ReproducibleTar
    return _backend_class
