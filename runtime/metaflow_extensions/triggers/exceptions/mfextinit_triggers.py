"""Exceptions: where Metaflow needs a user name, its message says how to give one.

In:   nothing.
Out:  `MetaflowUnknownUser`, merged over the class of `metaflow.exception`.

Not here: other errors of ours.
"""

from metaflow.exception import MetaflowException


class MetaflowUnknownUser(MetaflowException):
    """Raised by Metaflow where it needs a user name and finds none (metaflow/util.py, `resolve_identity_as_tuple`)."""

    headline = "Unknown user"

    def __init__(self) -> None:
        super().__init__(
            "Metaflow could not determine your user name (root does not count as one). "
            "Set the environment variable METAFLOW_USER, for example: export METAFLOW_USER=alice"
        )
