"""Alone: what Metaflow without us says of many flow files, in one process that has imported it once.

In:   flow files, each with a main guard, as arguments; Metaflow's settings, with our extension hidden.
Out:  on standard output, JSON: file -> null, or the last line of what Metaflow said when it refused the file.

Each file is compiled by `argo-workflows create --only-json` in a fork of this process.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile

import metaflow  # noqa: F401 - the forks have it


def refusal(file: str) -> str | None:
    """Why Metaflow does not compile the file."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            code = 70
            try:
                os.dup2(said.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                sys.argv = [file, "--no-pylint", "argo-workflows", "create", "--only-json"]
                runpy.run_path(file, run_name="__main__")
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    return None if status == 0 else (lines or ["without a word"])[-1]


if __name__ == "__main__":
    print(json.dumps({file: refusal(file) for file in sys.argv[1:]}))
