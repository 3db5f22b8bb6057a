"""In one process: upstream's compilers behind our stubs, one flow after the other, each packaged as upstream does.

Usage: python -m benchmarks.in_one_process FILE...   prints the seconds of each flow but the first, as JSON.
Upstream's own package is built for each flow and backend; no linking, no trigger objects, no checks, no YAML.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

BACKENDS = ("step-functions", "argo-workflows")


def main() -> None:
    os.environ["METAFLOW_TRIGGERS_OFFLINE"] = "1"
    import metaflow  # noqa: F401
    from metaflow.package import MetaflowPackage
    from metaflow_triggers import seams
    from metaflow_triggers.backends import registry
    from metaflow_triggers.reading import prepared
    from metaflow_triggers.seams.code_package import CodePackage
    from metaflow_triggers.seams.parts import Parts

    seams.check_shape(registry.spec(name).upstream for name in BACKENDS)
    seconds: list[float] = []
    processor: list[float] = []
    for file in sys.argv[1:]:
        start, used = time.perf_counter(), time.process_time()
        path = Path(file).resolve()
        sys.argv = [str(path)]
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        (cls,) = seams.flow_classes(module)
        done: list[str] = []

        def collect(obj: Any, _: dict[str, Any], done: list[str] = done) -> None:
            settings = seams.read_settings()
            for name in BACKENDS:
                package = MetaflowPackage(obj.flow, obj.environment, obj.echo, suffixes=obj.package_suffixes)
                sha = str(len(package.blob))
                deployed = registry.backend(name).deployed_name(obj.flow.name, None, None, settings)
                made = CodePackage(
                    package.blob, package.package_metadata, sha, f"{obj.flow.name}/data/{sha}", Parts(settings)
                )
                make = registry.spec(name).upstream.workflow
                done.append(json.dumps(make(obj, settings, made, deployed, seams.Options())))

        prepared.collector = collect
        seams.run_command(cls, lambda _: ["--quiet", "--no-pylint"], ["step-functions", "compile"], [])
        assert len(done) == len(BACKENDS)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    # The first flow also pays for imports.
    print(json.dumps({"seconds": seconds[1:], "processor": processor[1:]}))


if __name__ == "__main__":
    main()
