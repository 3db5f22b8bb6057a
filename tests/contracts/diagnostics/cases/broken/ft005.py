"""Nothing to compile: no flow and no poll."""

from metaflow import FlowSpec  # noqa: F401

x = 1
