"""Seams: the one package that touches Metaflow's private names.

In:   the click state of a `flow.py` command (`metaflow.cli.CliState`), a flow object.
Out:  configuration, the flow's parts as plain values, and the step-by-step
      workflow as upstream's own compilers make it, offline.

Not here: what a trigger means, names of ours, files.
Each private name that is used stands in `shape.PRIVATE_NAMES`, or in the `Upstream` of its backend, with the file it
lives in; `tests/unit/seams` holds these lists against the installed Metaflow, and `check_shape` turns a missing one
into FT004 instead of a guess.
Line numbers in comments: Metaflow 2.19.39.
"""

from .between_flows import Between
from .classes import (
    class_decorators,
    flow_bases,
    flow_class,
    flow_classes,
    flow_members,
    graph_refusal,
    has_own_mutators,
    is_flow_class,
    lacks_an_end,
    own_decorators,
    user_classes,
)
from .code_package import CodePackage, build_code_package, preload_code_package
from .command_line import Misused, Refused, command_options, given_options, run_command
from .compilers import PRODUCTION_TOKEN, Options
from .configuration import (
    act_as,
    configuration_files,
    configured,
    datastore_root,
    known_settings,
    read_settings,
    real_user,
    secrets,
)
from .environment import CanonicalEnvironment
from .flows import (
    current_project,
    evaluate,
    evaluates,
    features,
    flow_decorators,
    flow_parameters,
    is_production,
    namespace_prefix,
)
from .installation import is_old, metaflow_version, other_extensions
from .kept import Kept, keep, kept
from .parts import Part, Parts
from .shape import PRIVATE_NAMES, check_shape, preload, prove_in_charge
from .stored import not_stored
from .switches import is_on, prove_switched_on, reading_command, switched_off
from .tokens import check_token, click_state, resolve_token
from .upload import upload_code_package, upload_parts
from .upstream import Upstream

__all__ = [
    "PRIVATE_NAMES",
    "PRODUCTION_TOKEN",
    "Between",
    "CanonicalEnvironment",
    "CodePackage",
    "Kept",
    "Misused",
    "Options",
    "Part",
    "Parts",
    "Refused",
    "Upstream",
    "act_as",
    "build_code_package",
    "check_shape",
    "check_token",
    "class_decorators",
    "click_state",
    "command_options",
    "configuration_files",
    "configured",
    "current_project",
    "datastore_root",
    "evaluate",
    "evaluates",
    "features",
    "flow_bases",
    "flow_class",
    "flow_classes",
    "flow_decorators",
    "flow_members",
    "flow_parameters",
    "given_options",
    "graph_refusal",
    "has_own_mutators",
    "is_flow_class",
    "is_old",
    "is_on",
    "is_production",
    "keep",
    "kept",
    "known_settings",
    "lacks_an_end",
    "metaflow_version",
    "namespace_prefix",
    "not_stored",
    "other_extensions",
    "own_decorators",
    "preload",
    "preload_code_package",
    "prove_in_charge",
    "prove_switched_on",
    "read_settings",
    "reading_command",
    "real_user",
    "resolve_token",
    "run_command",
    "secrets",
    "switched_off",
    "upload_code_package",
    "upload_parts",
    "user_classes",
]
