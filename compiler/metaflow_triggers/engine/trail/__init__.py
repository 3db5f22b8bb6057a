"""What the local engine's database tells of an event or a run: `ask` answers in the values of `trail`.

`rows` reads rows, `runs` makes runs and causes of starts, `sets` tells what became of half-arrived sets, `polls` what a
poll trigger last did. Nothing here changes a row.
"""
