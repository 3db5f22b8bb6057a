"""Trail: what AWS knows of one event, or of one run: asked by computed names, nothing listed, nothing changed.

`computed` says the names, `asking` asks, `gather` has the facts of a flow, `refused` reads a filter's answer.
"""
