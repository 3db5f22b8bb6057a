"""The `step-functions` command group of a flow: upstream's, with our deployment commands."""

from metaflow._vendor import click
from metaflow.plugins.aws.step_functions.step_functions_cli import step_functions as _upstream

from .backends import BACKENDS
from .click_groups import group


@click.group()
def cli():
    pass


_SHOWS = {
    "policies": "the IAM roles, for who manages them by hand.",
    "retained": "what a stack leaves behind, to make it again around that.",
}
_DROP = click.Option(
    ["--drop-waiting"], is_flag=True, help="Also the table and the queue in which events wait, with the events."
)

cli.add_command(group(_upstream, BACKENDS["step-functions"].product, _SHOWS, [_DROP]))
