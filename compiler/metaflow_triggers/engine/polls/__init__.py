"""Polls: poll triggers on this machine: when they are polled, what a fire starts, what is remembered."""
