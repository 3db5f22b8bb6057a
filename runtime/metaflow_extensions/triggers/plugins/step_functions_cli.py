"""The `step-functions` command group of a flow: upstream's, with our deployment commands."""

from metaflow._vendor import click
from metaflow.plugins.aws.step_functions.step_functions_cli import step_functions as _upstream

from .click_groups import group


@click.group()
def cli():
    pass


cli.add_command(group(_upstream, "step-functions", "AWS Step Functions"))
