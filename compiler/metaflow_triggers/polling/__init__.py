"""Polling: what polls, wherever that is: processes of users' files, how they are asked, what a fire is called.

In:   files that declare poll triggers, names of triggers to poll now.
Out:  answers; of a fire its hash, its name, its payload.

Not here: when a poll is due and where a start is stored on this machine (`engine.polls`); on a cloud it is `poller`,
with `argo` or `aws` for where things are.
This room and those below it that it imports travel with the code of a flow that is polled elsewhere (`TRAVELS`), so
nothing of it needs more than the standard library and the runtime's extension, but for `aws`, which asks AWS with the
boto3 that every task of Metaflow's has there.
"""

TRAVELS = (
    "__init__.py",
    "diagnostics/__init__.py",
    "diagnostics/suggest.py",
    "model/__init__.py",
    "model/facts.py",
    "model/flows.py",
    "model/kinds.py",
    "model/names.py",
    "poll",
    "polling",
    "processes.py",
)
"""Files and folders of this package, below its root."""
