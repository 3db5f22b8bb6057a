"""Flow options: what a command over many flows gives to the command line of each.

In:   `--config`, `--config-value`, `--environment`, `--with` for all flows, and `--flow-option` for one; the Configs of
      all flows that the environment gives.
Out:  the words before the command of a flow; what of them no flow has taken.

Not here: parsing the words (Metaflow does), reading flows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..diagnostics import Diagnostic
from ..diagnostics.suggest import did_you_mean
from ..model.flows import Span

Config = tuple[str, str, str]
"""(`--config` or `--config-value`, its name, the file or the value)."""
VARIABLES = {"METAFLOW_FLOW_CONFIG": "--config", "METAFLOW_FLOW_CONFIG_VALUE": "--config-value"}
"""Each a JSON object. The command line of a flow refuses the names of other flows' Configs in it."""


@dataclass(frozen=True)
class FlowOptions:
    """`configs` are for the flows that have that Config, and `ambient` ones too, where nothing else is said; `every`
    words are for all flows; `own` are (flow, words) for one, and come last, so that they count. `lenient` are names of
    Configs and flows that may be elsewhere. `create` are options of the backends' `create`, each with its value.
    `places` are where the project file says one of the others, by option and name."""

    configs: Sequence[Config] = ()
    every: Sequence[str] = ()
    own: Sequence[tuple[str, Sequence[str]]] = ()
    ambient: Sequence[Config] = ()
    lenient: Sequence[str] = ()
    create: Sequence[tuple[str, str | None]] = ()
    places: Mapping[str, Span] = field(default_factory=dict)

    def recorded(self) -> list[str]:
        """The words of `create`, as they are kept beside what was compiled: no key and no address with one in it."""
        hidden = ("-key", "-url")
        return [
            word
            for option, value in self.create
            for word in (option, "..." if value is not None and option.endswith(hidden) else value)
            if word is not None
        ]

    def words(self, flow: str, configs: Collection[str]) -> list[str]:
        """What the flow is given, which has these Configs."""
        own = [word for name, words in self.own if name == flow for word in words]
        taken = {own[at + 1] for at, word in enumerate(own[:-1]) if word in VARIABLES.values()}
        given: list[str] = []
        for source in (self.configs, self.ambient):
            chosen = [item for item in source if item[1] in configs and item[1] not in taken]
            taken |= {name for _, name, _ in chosen}
            given += [word for item in chosen for word in item]
        return [*given, *self.every, *own]

    def untaken(self, flows: Collection[str], configs: Collection[str]) -> Iterable[Diagnostic]:
        """What is for no flow: the names of all flows and of all Configs are given."""
        for option, name, _ in self.configs:
            if name not in configs and name not in self.lenient:
                why = "no flow of these files has such a Config"
                yield self._untaken(f"{option} {name}", f"{option} {name}", why, did_you_mean(name, configs))
        for name, _ in self.own:
            if name not in flows and name not in self.lenient:
                shown, why = f"--flow-option {name}=...", "these files define no such flow"
                yield self._untaken(f"--flow-option {name}", shown, why, did_you_mean(name, flows))

    def _untaken(self, option: str, shown: str, why: str, helps: tuple[str, ...]) -> Diagnostic:
        place = self.places.get(option)
        return Diagnostic("FT126", f"`{shown}`: {why}", place, "said here" if place else "", helps=helps)


def ambient(environment: Mapping[str, str]) -> tuple[Config, ...]:
    """The Configs that the environment gives. What is no JSON object is left to Metaflow, which refuses it."""
    found: list[Config] = []
    for variable, option in VARIABLES.items():
        for name, value in parsed(environment.get(variable)).items():
            text = value if isinstance(value, str) else json.dumps(value)
            found.append((option, name, str(Path(text).absolute()) if option == "--config" else text))
    return tuple(found)


def parsed(text: str | None) -> dict[str, object]:
    """The JSON object, or an empty one."""
    try:
        value = json.loads(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
