"""Simulate: what a list of events would start, without starting anything.

In:   a trigger graph, items of an events file (`events_file`).
Out:  `Step`s (`reference`), in words or as JSON (`report`).

Not here: processes, databases, clouds, the clock of the machine. The reference is a second, deliberately simple
statement of the semantics: the engine is held against it, so the two share no code but the language itself (filters,
cron, conversion of values).
"""
