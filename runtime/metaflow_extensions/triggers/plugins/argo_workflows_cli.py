"""The `argo-workflows` command group of a flow: upstream's, with our deployment commands."""

from metaflow._vendor import click
from metaflow.plugins.argo.argo_workflows_cli import argo_workflows as _upstream

from .click_groups import group


@click.group()
def cli():
    pass


cli.add_command(group(_upstream, "argo-workflows", "Argo Workflows"))
