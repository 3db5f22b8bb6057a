"""Manifests: resources through templates and closed schemas to canonical text.

Takes what a backend decided, gives bytes. Decides nothing.
"""
