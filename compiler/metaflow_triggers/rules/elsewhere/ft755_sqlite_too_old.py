"""FT755: this Python's SQLite is too old."""

SOURCE = "local.md#the-local-engine"
RAISED = "engine/store.py"
FINDS = "The SQLite library that Python was built with is older than 3.35 (March 2021)."
WHY = "The engine changes a row and reads it in one statement, which older ones cannot."
BAD = """
$ python -c 'import sqlite3; print(sqlite3.sqlite_version)'
3.31.1
"""
GOOD = "$ python3.12 -m venv .venv          # a Python that brings a newer one"
