"""Code package: what a task unpacks, with reproducible bytes.

In:   the click state, settings.
Out:  `CodePackage`.

Not here: what Metaflow puts into it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..settings import Settings, open_setting
from .environment import CanonicalEnvironment, s3_datastore


class CodePackage:
    """A code package: its bytes (None when it was left out), its SHA-1 and its place below the datastore root."""

    def __init__(self, blob: bytes | None, metadata: str, sha: str, path: str) -> None:
        self.blob = blob
        self.metadata = metadata
        self.sha = sha
        self.path = path


def build_code_package(obj: Any, settings: Settings) -> CodePackage:
    """The flow's code package with reproducible bytes, or a placeholder with `--no-code-package`.

    The place is the one upstream's content-addressed store would choose (content_addressed_store.py:98-105).
    """
    from metaflow.package import MetaflowPackage

    if not settings.code_package:
        metadata = json.dumps({"version": 0, "archive_format": "tgz", "mfcontent_version": 1})
        return CodePackage(None, metadata, open_setting("CodePackageSha"), open_setting("CodePackagePath"))
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
    return CodePackage(blob, package.package_metadata, sha, f"{obj.flow.name}/data/{sha[:2]}/{sha}")


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
            self._members: dict[str, bytes] = {}
            return self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            self.close()

        def add_file(self, filename: str, arcname: str | None = None) -> None:
            with open(filename, "rb") as file:
                self._members[(arcname or filename).lstrip("/")] = file.read()

        def add_data(self, data: Any, arcname: str) -> None:
            self._members[arcname.lstrip("/")] = data.getvalue()

        def close(self) -> None:
            pass

        def get_blob(self) -> bytes:
            buffer = io.BytesIO()
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=6) as compressed,
                tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
            ):
                for name in sorted(self._members):
                    info = tarfile.TarInfo(name)
                    info.size = len(self._members[name])
                    info.mtime = 1575360000  # as upstream's (tar_backend.py:33)
                    info.mode = 0o644
                    archive.addfile(info, io.BytesIO(self._members[name]))
            return buffer.getvalue()

    _backend_class = ReproducibleTar
    return _backend_class


def upload_code_package(obj: Any, root: str, package: CodePackage) -> None:
    """Put the package where the compiled workflow looks for it (Metaflow's own content-addressed store).

    Raises DiagnosticError(FT704) if the datastore refuses, FT900 if it ends up elsewhere.
    """
    datastore = s3_datastore(obj, root)
    try:
        uri, sha = datastore.save_data([package.blob], len_hint=1)[0]
    except Exception as error:
        raise DiagnosticError(
            [Diagnostic("FT704", f"the code package could not be written below {root}: {error}")]
        ) from error
    if sha != package.sha or uri != f"{root}/{package.path}":
        raise DiagnosticError([Diagnostic("FT900", f"the code package went to {uri}, expected {root}/{package.path}")])
