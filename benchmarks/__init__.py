"""Benchmarks: how long compiling takes, beside what it is compared with, in one run."""
