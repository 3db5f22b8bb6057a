"""Kept: what of the whole outputs stands in golden/.

In:   the whole outputs.
Out:  the files of golden/.

What is ours stands there, once: all files that no compiler of upstream's has a part in, and for AWS, where a template
holds both, the template without the step workflow. Two examples are whole, and one of polls on AWS. Of every other file
a hash is kept, so that its change is noticed all the same. Not here: compiling, writing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from .examples import EXAMPLES, GOLDEN, compile_command, further_settings, source
from .whole_outputs import in_one

WHOLE = ("process_order", "workflow_shapes")
"""Events with typed parameters, and every shape that a workflow of steps can have."""
POLLED = ("watched",)
"""What polls has what the start step has. On AWS that is the same template; on Argo it stands in the Deployment."""
HASHES = "whole-outputs.sha256"
VERSION = "metaflow-version.txt"
README = "README.md"


def is_of_upstream(path: str) -> bool:
    """Whether a file of an output holds what upstream's compilers made, or tells Metaflow's version or such a hash."""
    whole_template = path.startswith("step-functions/")
    return whole_template or path.endswith(("workflowtemplate.yaml", "/poller.yaml", "metaflow-triggers.json"))


def is_kept(name: str, path: str) -> bool:
    """Whether golden/ holds this file of an example's output; of the others it has a hash."""
    if name in POLLED and path.startswith(("step-functions/", "triggers/")):
        return path.startswith("step-functions/")
    if name in POLLED and path.endswith("/poller.yaml"):
        return True
    if name in WHOLE:
        return not path.startswith("triggers/")  # they stand in the whole template
    return not is_of_upstream(path)


def kept(name: str, files: Mapping[str, str]) -> dict[str, str]:
    """The files of an example's output that golden/ holds."""
    return {path: text for path, text in files.items() if is_kept(name, path)}


def hashed(name: str, files: Mapping[str, str]) -> dict[str, str]:
    """SHA-256, in hex, of the other ones."""
    return {path: digest(text) for path, text in files.items() if not is_kept(name, path)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def golden(outputs: Mapping[str, Mapping[str, str]], version: str) -> dict[str, str]:
    """Path -> text of each file of golden/; `version` is Metaflow's."""
    files = in_one({name: kept(name, output) for name, output in outputs.items()})
    hashes = in_one({name: hashed(name, output) for name, output in outputs.items()})
    files[HASHES] = "".join(f"{value}  {path}\n" for path, value in hashes.items())
    files[VERSION] = f"{version}\n"
    files[README] = _readme(outputs)
    return files


def recorded(folder: Path = GOLDEN) -> dict[str, str]:
    """`<name>/<path>` -> SHA-256 of the files of which golden/ has no more than that."""
    lines = (folder / HASHES).read_text("utf-8").splitlines()
    return {path: value for value, _, path in (line.partition("  ") for line in lines)}


def paths(folder: Path = GOLDEN) -> list[str]:
    """`<name>/<path>` and `_shared/<path>` of every file of the whole outputs, as golden/ knows them; sorted."""
    held = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted([path.as_posix() for path in held if len(path.parts) > 1] + list(recorded(folder)))


def _readme(outputs: Mapping[str, Mapping[str, str]]) -> str:
    rows = []
    for name, output in outputs.items():
        words = ["metaflow-triggers", *(word for word in compile_command(name) if word != "--no-code-package")]
        command = " ".join([*(f"{key}={value}" for key, value in further_settings(name).items()), *words])
        inputs = sorted(path.name for path in (EXAMPLES / source(name)).glob("*.py"))
        told = [path for path in kept(name, output) if is_told(path)]
        row = (f"`{command}`", _links(f"../examples/{source(name)}", inputs), _links(name, told))
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join([*_INTRODUCTION, *rows]) + "\n"


def is_told(path: str) -> bool:
    """Whether the page names a file of an example: not those that only list others, nor what all share."""
    return not path.startswith("_shared/") and not path.endswith(("kustomization.yaml", "metaflow-triggers.json"))


def _links(folder: str, files: Iterable[str]) -> str:
    return ", ".join(f"[{Path(file).name}]({folder}/{file})" for file in files)


_INTRODUCTION = [
    "# What the examples compile to",
    "",
    "Reviewed like code, held byte for byte by `tests/golden`. `make goldens` writes this folder anew: all of it, or",
    "nothing when an example does not compile.",
    "",
    "Here is what is ours, once: on AWS the template without the step workflow (`compile --show triggers`), on Argo",
    "each file but the WorkflowTemplate, in `_shared/` what all flows share there, and for some the IAM policies.",
    f"Whole, with what Metaflow's own compilers make of the steps, are {' and '.join(f'`{name}`' for name in WHOLE)}.",
    "",
    f"All that an example writes and that stands in no file here has a hash in `{HASHES}`.",
    "When one changes, run this before and after the change, and compare the folders:",
    "",
    "<!-- not run: it compiles everything -->",
    "```console",
    "$ python -m tests.golden.whole_outputs build/whole-outputs",
    "```",
    "",
    "The settings are pinned in `tests/golden/examples.py`; the code package is a placeholder (`--no-code-package`).",
    "",
    "| command | from | to |",
    "|---|---|---|",
]
