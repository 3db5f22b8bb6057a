"""Deploying: many compiled flows and the clouds become one plan, and the plan becomes effects.

In:   flows with their files, the backends.
Out:  `plan.WholePlan`, its words; what was done.

Not here: reading, compiling, what an object needs (`backends`), what is typed (`commands`).
"""
