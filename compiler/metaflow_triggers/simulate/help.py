"""Words: what an events file looks like, for `--help`.

In:   nothing.
Out:  text.

Not here: reading it (`events_file`). Nothing is imported: the help of every command needs it.
"""

ITEMS = """\
An events file holds one JSON object per line, or a JSON list of them:
  {"name": "order-placed", "payload": {"id": 7}, "id": "e1", "at": "2026-01-05T09:00:00Z"}
  {"flow": "Ingest", "outcome": "failure", "run_id": "12", "step": "load", "error": "KeyError"}
  {"poll": "watch_inbox", "context": {"path": "a.csv"}}
  {"at": "2026-01-05T10:00:00Z"}                       (only time passes)
Each may have `at`; outcomes are success, failure, timeout and aborted. `"run_id": "run-1"` ends the run that the
simulation called run-1.
"""
