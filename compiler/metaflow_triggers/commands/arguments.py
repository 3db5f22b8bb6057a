"""Arguments: a parser that takes positional arguments anywhere between the options.

In:   what `argparse.ArgumentParser` takes.
Out:  the same parser, for which `emit NAME --id X -` means what `emit NAME - --id X` does.

Not here: the arguments of a command. A positional argument may not be in a mutually exclusive group.
"""

from __future__ import annotations

import argparse
from typing import Any


class Intermixed(argparse.ArgumentParser):
    """argparse reads all positional arguments at the first one, and knows those after an option no more."""

    _inside = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class's, which calls it for the two halves of the work. What a REMAINDER takes stands last."""
        if self._inside or any(action.nargs == argparse.REMAINDER for action in self._actions):
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False
