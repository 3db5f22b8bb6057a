"""Classes: which flow classes of a file are its flows.

In:   the imported module and the parsed file.
Out:  each flow class that the module defines, with what decides whether it is a flow.

Not here: reading a flow; classes of other files, which may derive from these (`project` decides about them).

A main guard that names flows says which ones the file is for. Another class is a flow only when it carries a trigger, a
schedule or @project of its own. Without such a guard, a class from which another derives is a base, unless it carries
one of these.
"""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .. import seams
from .outline import guarded_names

_STARTS = {"trigger", "trigger_on_finish", "schedule"}
_CARRIED = {*_STARTS, "project"}

GUARD = "the main guard runs other flows"
BASE = "a base of other flows"


@dataclass(frozen=True)
class FlowClass:
    """A flow class and what the file says about it.

    `left_out` says why it is no flow, or is "". `refusal` is what Metaflow has against its graph. `bases` are (real
    path, name) of the flow classes that it derives from; `may_be_base`: it is no flow when a class of another file
    derives from it. `undecided`: a mutator may give it a trigger, which is seen when it is read. `instead`: the flows
    that the main guard names, where it does not name this one.
    """

    cls: Any
    name: str
    is_flow: bool
    left_out: str = ""
    refusal: str = ""
    bases: tuple[tuple[str, str], ...] = ()
    may_be_base: bool = False
    undecided: bool = False
    instead: tuple[str, ...] = ()


def flow_classes(module: ModuleType, tree: ast.Module) -> list[FlowClass]:
    """All flow classes of the module, in its order."""
    classes = seams.flow_classes(module)
    named = [seams.flow_class(vars(module).get(name)) for name in guarded_names(tree)]
    guarded = [cls for cls in classes if cls in named]
    derived = {base for cls in classes for base in seams.flow_bases(cls)}
    names = tuple(cls.__name__ for cls in guarded)
    return [_judged(cls, names, is_named=cls in guarded, is_base=cls in derived) for cls in classes]


def _judged(cls: Any, guarded: tuple[str, ...], *, is_named: bool, is_base: bool) -> FlowClass:
    own = seams.own_decorators(cls)
    refusal = seams.graph_refusal(cls) or ""
    bases = tuple((_file_of(base), base.__name__) for base in seams.flow_bases(cls))

    def judged(is_flow: bool, left_out: str = "", **more: bool) -> FlowClass:
        instead = () if is_named else guarded
        return FlowClass(cls, cls.__name__, is_flow, left_out, refusal, bases, instead=instead, **more)

    if is_named:
        return judged(True)
    if refusal and seams.lacks_an_end(cls):
        # Others complete it. Alone it is a mistake when something is to start it.
        return judged(bool(own & _STARTS) and not is_base, may_be_base=True)
    if own & _CARRIED:
        return judged(True)
    undecided = seams.has_own_mutators(cls)
    if guarded:
        return judged(undecided, GUARD, undecided=undecided)
    if is_base:
        return judged(undecided, BASE, undecided=undecided)
    return judged(True, may_be_base=True, undecided=undecided)


def _file_of(cls: Any) -> str:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return os.path.realpath(file) if file else ""
