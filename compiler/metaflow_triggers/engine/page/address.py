"""Address: where the page is served, and the word that lets in.

In:   a port, the database.
Out:  a socket of 127.0.0.1 that listens; the token. DiagnosticError FT759: nothing can be served there.

Not here: serving. The socket is opened before flows are read, so that a port that is taken is told first. The token
stays the same for a database, so that an open page comes back when its engine is started again. It stands in a file
beside the database that its owner alone may read, as the database may be; who can read that needs no page.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import stat
from importlib.util import find_spec

from ...diagnostics import Diagnostic, DiagnosticError

HOST, PORT = "127.0.0.1", 8723
PACKAGE = "aiohttp"
_INSTALL = "pip install 'metaflow-triggers[ui]'     # or: pip install 'aiohttp>=3.9'"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def listening(port: int) -> socket.socket:
    """A socket that listens at 127.0.0.1; port 0 takes a free one. Raises DiagnosticError (FT759)."""
    if find_spec(PACKAGE) is None:
        raise _not_served(port, f"the package `{PACKAGE}`, which serves it, is not installed", _INSTALL)
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise _refused(port, error) from error
    return made


def token(database: str) -> str:
    """The token of a database's page; made where there is none that only its owner may read.

    Raises DiagnosticError (FT759).
    """
    path = f"{database}-page"
    try:
        kept = _kept(path)
        if kept is not None:
            return kept
        made = secrets.token_urlsafe(32)
        beside = f"{path}.{os.getpid()}"
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(made)
        os.replace(beside, path)
        return made
    except OSError as error:
        why = f"its token cannot be kept in `{path}`: {error.strerror}"
        raise DiagnosticError([Diagnostic("FT759", f"no page can be served: {why}")]) from error


def _kept(path: str) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            return None
        text = file.read(64).decode("ascii", "replace")
    return text if _TOKEN.fullmatch(text) else None


def _refused(port: int, error: OSError) -> DiagnosticError:
    if error.errno == errno.EADDRINUSE:
        return _not_served(
            port, "another process has the port", f"lsof -i :{port}", "or --ui 0, which takes a free one"
        )
    if error.errno == errno.EACCES:
        return _not_served(port, "the port is kept for root", "give a port from 1024 on")
    return _not_served(port, error.strerror or str(error))


def _not_served(port: int, why: str, *helps: str) -> DiagnosticError:
    return DiagnosticError([Diagnostic("FT759", f"no page can be served at `{HOST}:{port}`: {why}", helps=helps)])
