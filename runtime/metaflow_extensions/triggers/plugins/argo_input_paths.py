"""Argo input paths: of a step behind a switch, the tasks that have run, whatever Argo says of the others.

In:   `python -m metaflow_extensions.triggers.plugins.argo_input_paths <paths> [steps]`, as Metaflow's own program of
      this part (metaflow/plugins/argo/conditional_input_paths.py) takes them.
Out:  what that program prints, which is run with the tasks of branches not taken left out.

Not here: the choice among those that ran. Metaflow's program knows a branch not taken by a tag that Argo did not fill
in. Argo Workflows 4 fills in an empty text (buildLocalScopeFromTask in its workflow/controller/dag.go), so that the
path ends without a task, and the step would look for a task that never was.
"""

from __future__ import annotations

import base64
import binascii
import runpy
import sys
from math import inf

UPSTREAM = "metaflow.plugins.argo.conditional_input_paths"


def of_tasks(paths: str) -> str:
    """The same paths, in the form in which they came, without those that name no task."""
    from metaflow.util import compress_list, decompress_list

    try:  # a path has characters that base64 has not
        text, encoded = base64.b64decode(paths, validate=True).decode("utf-8"), True
    except (binascii.Error, ValueError):
        text, encoded = paths, False
    every = decompress_list(text)
    found = [path for path in every if not path.endswith("/")]
    if not found or len(found) == len(every):
        return paths
    text = compress_list(found, zlibmin=inf)
    return base64.b64encode(text.encode("utf-8")).decode("ascii") if encoded else text


if __name__ == "__main__":
    sys.argv[1:2] = [of_tasks(path) for path in sys.argv[1:2]]
    runpy.run_module(UPSTREAM, run_name="__main__", alter_sys=True)
