"""Kubernetes itself in the tests: see docs/architecture.md, "The Kubernetes in the tests"."""

SKIPPED = "real cluster: "
"""Begins what a test says that is skipped because there is none."""
