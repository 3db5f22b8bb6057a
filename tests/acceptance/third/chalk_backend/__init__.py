"""Chalk: a backend that writes sentences on a board, which is a folder. Described here; nothing heavy is imported."""

import importlib

from metaflow_triggers import seams
from metaflow_triggers.backends.shape import Spec


def steps(obj, settings, package, name, options):
    """The step-by-step workflow: this backend needs no compiler of Metaflow's."""
    return {"steps": sorted(node.name for node in obj.graph), "code": package.path}


def publish(name, payload, text, identity):
    from .board import board

    path = board() / f"event-{identity}.json"
    path.write_text(f'{{"name": "{name}", "payload": {text}}}', "utf-8")


SPEC = Spec(
    name="chalk",
    product="the Chalk Board",
    upstream=seams.Upstream(workflow=steps),
    backend=lambda: importlib.import_module(".sentences", __package__),
    deployer=lambda: importlib.import_module(".board", __package__),
    publish=publish,
    unpublished="set METAFLOW_CHALK_BOARD to a folder",
    settings=("CHALK_BOARD",),
)
