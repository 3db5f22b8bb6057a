"""Kubernetes itself in the tests: see docs/architecture.md, "The Kubernetes in the tests"."""

SKIPPED = "real cluster: "
"""Begins what a test says that is skipped because there is none."""

SKIPPED_NETWORKS = "networks of pods: "
"""The same of a test that needs them, where this machine gives none."""
