"""Stand-in: `cloaca` for the processes of a run, which the engine gives this folder in PYTHONPATH.

In:   a flow's file that says `import cloaca`, run by Metaflow step by step in processes of its own.
Out:  the alias of `metaflow_triggers.poll.alias`.

Not here: anything that others could import by accident: this folder is on no path of an installation.
"""

import sys

from metaflow_triggers.poll import alias

sys.modules[__name__] = alias.made()
