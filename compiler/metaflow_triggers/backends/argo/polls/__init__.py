"""Polls: what people and programs read of the poll triggers of a cluster, and what they may change."""
