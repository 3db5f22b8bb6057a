"""Handover: parameter texts for Metaflow's `init`, inside one process.

In:   from the launcher, a function that computes the texts once the flow is known.
Out:  the texts as defaults of the `init` or `run` command (click's `default_map`).

Not here: computing them. Metaflow creates step decorators after it has read the flow and its configuration and before
it reads the options of `init` (metaflow/cli.py, `start`); `deliver` is called there. So the flow file runs once, and no
value is ever part of a command line or of the environment. `run` makes its decorators only after it has read its
options, so there the map itself is asked: click looks a command up in it after the flow is known (`_AtRun`).
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

Compute = Callable[[Any, Any], "dict[str, str]"]

_offered: Compute | None = None
_delivered = False


def offer(compute: Compute) -> None:
    """Leave `compute(flow, flow_datastore) -> {parameter: text}` for the flow that starts in this process."""
    global _offered, _delivered
    _offered, _delivered = compute, False


def deliver(flow: Any, flow_datastore: Any) -> None:
    """Give the texts to the command that Metaflow is about to run. Does nothing without an offer, or a second time."""
    global _delivered  # noqa: PLW0603
    if _offered is None or _delivered:
        return
    _delivered = True
    from metaflow._vendor import click

    context = click.get_current_context()
    options = _options("INIT", _offered(flow, flow_datastore))
    context.default_map = {**(context.default_map or {}), "init": options}


def _options(command: str, texts: dict[str, str]) -> dict[str, str]:
    options = {}
    for name, text in texts.items():
        options[name.replace("-", "_").lower()] = text  # as click names the option (core.py, `_parse_decls`)
        # A variable of this name would win over what we hand over.
        os.environ.pop(f"METAFLOW_{command}_" + name.upper().replace("-", "_"), None)
    return options


class _AtRun(dict):  # type: ignore[type-arg]
    """The defaults of Metaflow's commands: those of `run` are computed when click asks for them.

    Metaflow runs its group, which reads the flow, before click makes the context of the command
    (metaflow/cli_components/utils.py, `LazyPluginCommandCollection.invoke`; click's core.py, `Context.__init__`).
    """

    def get(self, command: str, default: Any = None) -> Any:
        global _delivered  # noqa: PLW0603
        if command != "run" or _offered is None or _delivered:
            return super().get(command, default)
        _delivered = True
        from metaflow._vendor import click

        obj = click.get_current_context().obj
        return _options("RUN", _offered(obj, obj.flow_datastore))


def offer_run(compute: Callable[[Any, Any], dict[str, str]]) -> None:
    """As `offer`, for the `run` command; `compute` gets Metaflow's state (click's `obj`: flow, metadata) first.

    Metaflow imports its command line when the flow is known, and takes the flow's options then (flowspec.py,
    `FlowSpec.__init__`), so it must not be imported here; the defaults are put into it right after its import.
    """
    offer(compute)
    sys.meta_path.insert(0, _AfterImport())


class _AfterImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Puts `_AtRun` into Metaflow's command line as soon as that is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "metaflow.cli":
            return None
        sys.meta_path.remove(self)
        self._real = importlib.util.find_spec(name)
        return importlib.util.spec_from_loader(name, self, origin=self._real.origin if self._real else None)

    def create_module(self, spec: Any) -> Any:
        return importlib.util.module_from_spec(self._real) if self._real else None

    def exec_module(self, module: Any) -> None:
        assert self._real is not None and self._real.loader is not None
        self._real.loader.exec_module(module)
        settings = getattr(getattr(module, "start", None), "context_settings", None)
        if not isinstance(settings, dict):
            raise ImportError("FT004: metaflow-triggers does not know the shape of this Metaflow's command line")
        settings["default_map"] = _AtRun()


def was_delivered() -> bool:
    """Whether Metaflow took the offer."""
    return _delivered
