"""Polls: one random story told to the local engine's poller, Argo's and AWS's, and to a model of section 14."""
