"""Poll: start a flow when a Python function says so.

In:   functions without arguments, decorated with `trigger`.
Out:  `trigger`, `TriggerResult`, `Context`, `DefaultRunner`, `TriggerNotFound`.

Not here: polling. `metaflow-triggers run PATHS` polls; this module imports neither Metaflow nor a database. A file that
says `import cloaca` is read by all our commands and run by `metaflow-triggers exec FILE`.
"""

from .context import Context
from .declare import trigger
from .errors import PollError, TriggerNotFound
from .result import TriggerResult
from .runner import DefaultRunner

__all__ = ["Context", "DefaultRunner", "PollError", "TriggerNotFound", "TriggerResult", "trigger"]
