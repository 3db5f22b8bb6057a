"""Result: what a poll returns.

In:   nothing, or a `Context`.
Out:  `TriggerResult`, which says skip or fire.

Not here: what is done with it.
"""

from __future__ import annotations

from .context import Context
from .errors import PollTypeError


class TriggerResult:
    """The answer of one poll: `TriggerResult.skip()` or `TriggerResult.fire(context)`. It never changes."""

    __slots__ = ("_context", "_fires")
    _context: Context | None
    _fires: bool

    def __new__(cls, *_: object, **__: object) -> TriggerResult:
        raise PollTypeError("FT719", "a TriggerResult is made by TriggerResult.skip() or TriggerResult.fire(context)")

    @classmethod
    def _made(cls, fires: bool, context: Context | None) -> TriggerResult:
        made = object.__new__(cls)
        object.__setattr__(made, "_fires", fires)
        object.__setattr__(made, "_context", context)
        return made

    @classmethod
    def skip(cls) -> TriggerResult:
        """The condition is not met; the next poll asks again."""
        return cls._made(False, None)

    @classmethod
    def fire(cls, context: Context | None = None) -> TriggerResult:
        """The condition is met: start the flow, with the context as it is now.

        Raises TypeError (FT719) for anything but a `Context`, a plain dict included.
        """
        if context is None:
            return cls._made(True, None)
        if not isinstance(context, Context):
            raise PollTypeError(
                "FT719",
                f"fire() takes a Context, not {type(context).__name__}",
                ("write TriggerResult.fire(Context({...}))",) if isinstance(context, dict) else (),
            )
        return cls._made(True, Context(context.to_dict()))

    def is_skip_result(self) -> bool:
        """Whether the condition was not met."""
        return not self._fires

    def is_fire_result(self) -> bool:
        """Whether the flow is to be started."""
        return self._fires

    @property
    def context(self) -> Context | None:
        """A copy of what was fired; None for a skip and for a bare fire."""
        return None if self._context is None else Context(self._context.to_dict())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a TriggerResult does not change: {name!r}")

    def __repr__(self) -> str:
        if not self._fires:
            return "TriggerResult.Skip"
        return "TriggerResult.Fire" if self._context is None else f"TriggerResult.Fire({self._context.to_dict()!r})"
