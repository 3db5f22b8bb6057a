"""Polling on AWS: one process that polls a flow's triggers and starts it with executions of its state machine.

In:   the flow's table, which the deployment has made; AWS with the job's role.
Out:  executions with their trigger documents, and what is remembered of polls, in that table.

Not here: making the table and the job (`backends.step_functions`). The standard library and boto3: it runs in the
flow's image.
"""

LONG_SECONDS = 900
"""Where none of a flow's triggers is polled more often, a job for each round (`serve --once`) costs less than one that
is kept."""
