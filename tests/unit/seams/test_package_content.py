"""What Metaflow packs is looked up once, and what is to be packed since then is found all the same."""

from __future__ import annotations

import json
from pathlib import Path

from .run import python, succeeded

SCRIPT = """
import json, sys
import metaflow
from metaflow import FlowMutator, package
from metaflow.packaging_sys import v1
from metaflow_triggers.seams.package_content import looked_up_once

asked, walked = [], []

def criteria(module):
    from metaflow.user_decorators.user_flow_decorator import FlowMutatorMeta

    asked.append(module)
    name = getattr(module, "__name__", "")
    return name in FlowMutatorMeta._import_modules or getattr(module, "METAFLOW_PACKAGE_POLICY", "") == "include"

def walk(*arguments, made=v1.walk, **named):
    walked.append(arguments)
    return made(*arguments, **named)

v1.walk = walk
told = []

def look():
    asked.clear()
    walked.clear()
    with looked_up_once():
        made = package.MetaflowCodeContentV1(criteria=criteria)
    of_metaflow = sum(str(arguments[0]).endswith("/metaflow") for arguments in walked)
    told.append([sorted({"late", "json", "mutators"} & set(made._modules)), len(asked), of_metaflow])
    return made

first = look()
sys.path.insert(0, ".")
import late
json.METAFLOW_PACKAGE_POLICY = "include"
second = look()
import mutators
look()
assert first._cached_metaflow_files and first._cached_metaflow_files == second._cached_metaflow_files
assert package.MetaflowCodeContentV1 is v1.MetaflowCodeContentV1
print(json.dumps([told, len(sys.modules)]))
"""


def test_what_changes_is_found_and_nothing_else_is_asked_again(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text('METAFLOW_PACKAGE_POLICY = "include"\n')
    (tmp_path / "mutators.py").write_text("from metaflow import FlowMutator\nclass Mine(FlowMutator):\n    pass\n")
    (first, second, third), modules = json.loads(succeeded(python("-c", SCRIPT, cwd=tmp_path)))
    assert first == [[], first[1], 1]
    assert first[1] > 500
    assert second[0] == ["json", "late"]
    assert second[1] < 20  # json, late, and what is no module
    assert second[2] == 0
    # A decorator that was defined since then may make any module one to be packed.
    assert third[0] == ["json", "late", "mutators"]
    assert third[1] == modules
