"""Parts: what upstream puts into the datastore while it compiles, kept here under its address instead.

In:   what upstream's compilers save: a step's command (`--compress-state-machine`), the file of an `IncludeFile`,
      the packages of a conda environment (`conda`).
Out:  `Parts`: for each its address and its bytes, to be written or uploaded beside the code package.

Not here: uploading (`upload`). Nothing is asked of a datastore: each address is made of a hash of the content.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.settings import OPEN_PREFIX, OPEN_SUFFIX, Settings, open_setting
from .configuration import datastore_root
from .environment import replaced

_OPEN = re.compile(re.escape(OPEN_PREFIX) + r"([\w:.]+?)" + re.escape(OPEN_SUFFIX))
_SETTING_OF = {
    "DatastoreBucket": "METAFLOW_DATASTORE_SYSROOT_S3",
    "DatastorePrefix": "METAFLOW_DATASTORE_SYSROOT_S3",
    "BatchJobQueue": "METAFLOW_BATCH_JOB_QUEUE",
    "BatchJobRoleArn": "METAFLOW_ECS_S3_ACCESS_IAM_ROLE",
    "FargateExecutionRoleArn": "METAFLOW_ECS_FARGATE_EXECUTION_ROLE",
}
"""What can stand open in a step's command -> the setting that gives it."""


@dataclass(frozen=True)
class Part:
    """One thing that a workflow refers to by its address.

    `path` is its place below the datastore's root, or None where the configuration puts it elsewhere; `about` says
    for people what it is; `read` gives its bytes. `client`: the kind of Metaflow's data client that writes it, or None
    for the datastore.
    """

    address: str
    path: str | None
    about: str
    read: Callable[[], bytes]
    client: str | None = None


class Parts:
    """The parts of one code package, each once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: dict[str, Part] = {}
        self._refused: list[Diagnostic] = []
        self.when_uploaded: list[Callable[[], None]] = []
        """What remembers on this machine that the datastore has them."""

    def __iter__(self) -> Iterator[Part]:
        return iter([self._found[address] for address in sorted(self._found)])

    def add(self, address: str, read: Callable[[], bytes], about: str, client: str | None = None) -> None:
        """Keep what the workflow will look for at `address`."""
        self._found.setdefault(address, Part(address, self._below_root(address), about, read, client))

    def _below_root(self, address: str) -> str | None:
        for root in (datastore_root(self._settings), self._settings.datastore_s3):
            if root and address.startswith(f"{root}/"):
                return address[len(root) + 1 :]
        return None

    @contextlib.contextmanager
    def of_commands(self, store: Any, flow: str, package: str | None) -> Iterator[None]:
        """Commands that a compiler gives to `store` are kept; DiagnosticError (FT002) for one that is not whole.

        `package` is the place of the code package, if there is one.

        Upstream takes whatever fails here for a lost connection, prints a warning and goes on without a command
        (batch.py, `Batch._command`), so a refusal is raised at the end.
        """
        fill = filled_in(self._settings)

        def save_data(data_iter: Iterable[bytes], len_hint: int = 0) -> list[tuple[str, str]]:
            out = []
            for data in data_iter:
                content = of_any_release(fill(data.decode("utf-8")), package).encode("utf-8")
                self._refused += _not_whole(content.decode("utf-8"))
                key = hashlib.sha1(content).hexdigest()  # noqa: S324 - the name that Metaflow's datastore gives it
                address = f"{datastore_root(self._settings)}/{flow}/data/{key[:2]}/{key}"
                self.add(address, partial(bytes, content), "command of a step")
                out.append((address, key))
            return out

        with replaced(store, save_data=save_data):
            yield
        if self._refused:
            raise DiagnosticError(list({item.helps: item for item in self._refused}.values()))

    @contextlib.contextmanager
    def of_files(self, kind: str) -> Iterator[None]:
        """The files of `IncludeFile` are kept. `kind` is the datastore's: s3, azure or gs."""
        from metaflow import includefile

        kept = _Client(kind, includefile._dict_dataclients[kind], self.add)
        with replaced(includefile, _dict_dataclients=dict.fromkeys(includefile._dict_dataclients, kept)):
            yield


_URL = "METAFLOW_CODE_URL"


def of_any_release(command: str, package: str | None) -> str:
    """A Batch job's command that loads the package which its environment names, so that the next release has the same
    one; itself without a package, or where it names it in a way that is not known here (metaflow_environment.py)."""
    if package is None:
        return command
    place = re.escape(package)
    key = rf"""('import boto3, os; [^']*\.download_file\("[^"']*", )"[^"']*{place}"(, "job\.tar"\)')"""
    changed = re.sub(key, rf'\1os.environ["{_URL}"].split("/", 3)[3]\2', command)
    told = rf"(mflog 'Failed to download code package from )[^']*{place}([^']*')"
    changed = re.sub(told, rf"""\1'"${_URL}"'\2""", changed)
    return command if package in changed else changed


class _Client:
    """Stands for one of Metaflow's data clients (plugins/datatools, azure and gcp) where `IncludeFile` uses it."""

    def __init__(self, kind: str, real: Any, keep: Callable[[str, Callable[[], bytes], str, str], None]) -> None:
        self.TYPE = kind
        self.get_root_from_config = real.get_root_from_config
        self._keep = keep

    def __call__(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def put(self, key: str, obj: bytes, overwrite: bool = True) -> str:
        """The address of what is put, as the real client gives it: Azure's is given no scheme and has one."""
        address = key if "://" in key else f"{self.TYPE}://{key}"
        self._keep(address, partial(_without_clock, obj), "file of an IncludeFile", self.TYPE)
        return address


def _without_clock(content: bytes) -> bytes:
    """A gzip file (RFC 1952) with no time in its header: Metaflow compresses what it includes."""
    return content[:4] + b"\0" * 4 + content[8:] if content.startswith(b"\x1f\x8b\x08") else content


def filled_in(settings: Settings) -> Callable[[str], str]:
    """Text with the place of the datastore filled in, where it is configured."""
    if settings.datastore_s3 is None:
        return lambda text: text
    bucket, _, prefix = settings.datastore_s3.removeprefix("s3://").partition("/")
    known = ((open_setting("DatastoreBucket"), bucket), (open_setting("DatastorePrefix"), prefix))

    def replace(text: str) -> str:
        for placeholder, value in known:
            text = text.replace(placeholder, value)
        return text

    return replace


def _not_whole(command: str) -> list[Diagnostic]:
    """FT002 for each setting that is open in a command that becomes a file."""
    told = "--compress-state-machine makes each step's command a file, in which nothing can stay open"
    found = sorted(set(_OPEN.findall(command)))
    if any(name.startswith("CodePackage") for name in found):
        helps: tuple[str, ...] = ("leave --no-code-package or --compress-state-machine out",)
        return [Diagnostic("FT002", f"{told}: the code package was left out", helps=helps)]
    settings = sorted({_SETTING_OF.get(name, name) for name in found})
    return [Diagnostic("FT002", f"{told}: {name} is missing", helps=(f"set {name}",)) for name in settings]
