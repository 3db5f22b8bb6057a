"""The hidden command group `metaflow-triggers` of a flow: how a flow is read.

In:   the click state.
Out:  what the command `metaflow-triggers` wants to know of the flow.

Not here: reading it (`metaflow_triggers.reading`). The command is of no use to a person.
"""

from metaflow._vendor import click


@click.group()
def cli():
    pass


@cli.group(name="metaflow-triggers", hidden=True, help="Used by the command metaflow-triggers.")
@click.pass_obj
def reading(obj):
    obj.check(obj.graph, obj.flow, obj.environment, pylint=obj.pylint)


@reading.command(name="read", help="Used by the command metaflow-triggers.")
@click.pass_obj
def read(obj):
    from metaflow_triggers.reading import prepared

    if prepared.collector is not None:
        prepared.collector(obj, {})
