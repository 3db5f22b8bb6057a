"""Dead letters: what could not start a flow and was kept, on every target the same values and words.

`letter` has the values, `choose` which of them are meant, `tell` how they are read. Knows no backend and no engine:
where letters lie and how they are sent is asked of `backends/*/dead_letters` and `engine.dead_letters`.
"""
