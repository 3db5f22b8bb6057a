"""The `argo-workflows` command group of a flow: upstream's, with our deployment commands."""

from metaflow._vendor import click
from metaflow.plugins.argo.argo_workflows_cli import argo_workflows as _upstream

from .backends import BACKENDS
from .click_groups import PLAN, group


@click.group()
def cli():
    pass


_SHARED = click.Option(
    ["--shared"], is_flag=True, help="Also what all flows share. Refused while another flow is deployed."
)

cli.add_command(group(_upstream, BACKENDS["argo-workflows"].product, delete_options=[_SHARED, PLAN]))
