"""Project file: what a repository says about its flows, written down once.

In:   `metaflow-triggers.toml`, or `pyproject.toml` with `[tool.metaflow-triggers]`.
Out:  `ProjectFile`, a frozen value whose every key has its place in the file; or all that is wrong with it, at once.

Not here: what the keys do (commands ask), Metaflow, its configuration. `find` is light: where there is no file nothing
else of this room is imported, and no parser of TOML.
"""
