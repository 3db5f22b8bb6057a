"""Run as a script: prepares a flow through Metaflow's own command line, then does one thing with it.

prepared.py FLOW_FILE package OUT         writes the code package's bytes to OUT, prints its SHA-1
prepared.py FLOW_FILE workflows B [B ...] prints the workflows of the backends, compiled in this order
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any


def main(file: str, what: str, *arguments: str) -> None:
    import metaflow  # noqa: F401 - loads the plugins
    from metaflow_triggers import seams
    from metaflow_triggers.reading import prepared

    def collect(obj: Any, _: dict[str, Any]) -> None:
        settings = seams.read_settings(code_package=what == "package")
        if what == "package":
            package = seams.build_code_package(obj, settings, ())
            assert package.blob is not None
            Path(arguments[0]).write_bytes(package.blob)
            print(package.sha)
        else:
            out = {name: prepared.workflow(obj, name, settings, "deployed", {})[0] for name in arguments}
            print(json.dumps(out, sort_keys=True))

    prepared.collector = collect
    sys.argv = [file, "--quiet", "--no-pylint", "step-functions", "compile"]
    sys.path[0] = str(Path(file).resolve().parent)
    runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
