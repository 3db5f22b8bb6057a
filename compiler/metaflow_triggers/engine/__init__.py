"""Engine: what triggers mean, run on this machine.

In:   flows as `metaflow_triggers.model.flows` has them, one SQLite file.
Out:  runs of those flows, each start once, and a history of both.

Not here: reading flow files, backends, Metaflow (only the launched processes know it).
"""
