"""Installation: what of Metaflow is here, and beside what.

In:   the installed Metaflow.
Out:  its version; the names of other packages that extend it.

Not here: judging them.
"""

from __future__ import annotations

OLDEST_METAFLOW = (2, 19)
"""The first release that is known here; what a newer one lacks, `shape` finds."""


def metaflow_version() -> str:
    """As it says itself, without what a checkout adds."""
    import metaflow

    return str(metaflow.__version__).partition("+")[0]


def is_old(version: str) -> bool:
    """Whether a release is before the oldest that is known. What is no number is not judged."""
    numbers = version.split(".")[:2]
    return all(one.isdecimal() for one in numbers) and tuple(map(int, numbers)) < OLDEST_METAFLOW


def other_extensions() -> list[str]:
    """`package version` of those that Metaflow loads extensions from, beside ours (extension_support/__init__.py)."""
    from importlib.metadata import PackageNotFoundError, distribution

    from metaflow import extension_support

    found = []
    packages = extension_support.dump_module_info()[1][0]
    for name in sorted(packages):
        if name.replace("_", "-") == "metaflow-triggers":
            continue
        if name.startswith("_pythonpath_"):  # Metaflow's name for a folder
            found.append("one on PYTHONPATH")
            continue
        try:
            found.append(f"{name} {distribution(name).version}")
        except PackageNotFoundError:
            found.append(name)
    return found
