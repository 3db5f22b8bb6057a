"""Cron: the one reader of cron expressions, what they mean, and their exact translation.

In:   the text of `@schedule(cron=...)`, or of `reset_at`'s five fields.
Out:  `Cron`, the five fields of Argo Workflows (robfig/cron) or a refusal, and the times at which it fires.

Not here: clocks (a caller gives start and end), places in a user's file, backends.
"""

from .either import canonical, fires, last_fire, next_fire
from .fields import Cron, CronError, CronRefused, Part, parse, parse_five
from .times import is_timezone
from .translation import cut_to_five_fields, field_values, to_five_fields, to_six_fields

__all__ = [
    "Cron",
    "CronError",
    "CronRefused",
    "Part",
    "canonical",
    "cut_to_five_fields",
    "field_values",
    "fires",
    "is_timezone",
    "last_fire",
    "next_fire",
    "parse",
    "parse_five",
    "to_five_fields",
    "to_six_fields",
]
