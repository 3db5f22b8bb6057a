"""Trail: what AWS knows of one event, or of one run: asked by computed names, nothing changed.

`target` is what is asked, and the order of it. `computed` says the names; `deployed` for which events a flow waits,
where no file of it was read; `asking` asks; `gather` has the facts of a flow, `letters` those of its dead-letter
queue. `tell` and `runs` say what was found, `nothing` what rules and filters say where nothing was.
"""
