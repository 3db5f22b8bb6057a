"""Model: what flows, triggers and settings are, as frozen values; their names and their JSON.

Knows no other room of the compiler: no Metaflow, no backend, no file.
"""
