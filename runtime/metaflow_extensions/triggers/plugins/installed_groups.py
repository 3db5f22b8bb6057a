"""Installed groups: the command groups of backends that other packages give, which Metaflow knows nothing of.

In:   the name of a backend, as an attribute: `group-of-<name>`.
Out:  what Metaflow takes for the plugin of a group of commands.

Not here: what the commands do (`metaflow_triggers.commands.flow`). A package that is broken says so when one runs.
"""

from metaflow._vendor import click

from .click_groups import group

_PREFIX = "group-of-"
"""With a hyphen: Metaflow makes what it finds a global of a module of its own."""


def __getattr__(name):
    if not name.startswith(_PREFIX):
        raise AttributeError(name)
    backend = name[len(_PREFIX) :]
    cli = click.Group()
    cli.add_command(group(_base(backend), _product(backend)))
    return cli


def _product(backend):
    from metaflow_triggers.backends import registry
    from metaflow_triggers.diagnostics import DiagnosticError

    try:
        return registry.spec(backend).product
    except DiagnosticError:
        return backend


def _base(backend):
    """A group as Metaflow's are: it judges the flow, and knows `--name`."""

    @click.pass_obj
    def begin(obj, name=None):
        obj.check(obj.graph, obj.flow, obj.environment, pylint=obj.pylint)
        obj.deployed_name = name

    create = [
        click.Option(["--only-json"], is_flag=True, help="Print all that would be deployed, and deploy nothing."),
        click.Option(["--tag", "tags"], multiple=True, help="Annotate all runs with the given tag."),
        click.Option(["--namespace", "user_namespace"], help="Change the namespace from the default."),
        click.Option(["--max-workers"], type=int, default=100, show_default=True, help="Tasks at once."),
        click.Option(["--workflow-timeout"], type=int, help="Workflow timeout in seconds."),
        click.Option(["--deployer-attribute-file"], hidden=True),
    ]
    return click.Group(
        backend,
        commands={"create": click.Command("create", params=create), "delete": click.Command("delete")},
        callback=begin,
        params=[click.Option(["--name"], help="Of the deployment; else the flow's.")],
        help=f"Commands related to {_product(backend)}.",
    )
