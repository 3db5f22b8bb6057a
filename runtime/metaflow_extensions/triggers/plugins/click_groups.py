"""Click groups: Metaflow's command groups with our create, compile, diff and delete in them.

In:   upstream's group (its other commands stay as they are).
Out:  a new group of the same name; upstream's objects are not changed.

Not here: what the commands do (`metaflow_triggers.commands.flow`, imported when one runs).
"""

from metaflow._vendor import click

_NOT_FOR_COMPILE = (
    "authorize",
    "generate_new_token",
    "given_token",
    "only_json",
    "deployer_attribute_file",
    "log_execution_history",
)


PLAN = click.Option(["--plan"], is_flag=True, help="Print the calls that would be made, and make none of them.")


def group(upstream_group, product, shows=None, delete_options=()):
    """A copy of `upstream_group` whose deployment commands are ours. `product` is its name for people.

    `shows`: word -> help, of `compile --show` in this group alone; `delete_options`: of its `delete` alone.
    """
    shows = shows or {}
    backend, commands = upstream_group.name, dict(upstream_group.commands)
    create, delete = commands["create"], commands["delete"]
    workflow_options = [option for option in create.params if option.name not in _NOT_FOR_COMPILE]
    no_code_package = click.Option(
        ["--no-code-package"], is_flag=True, help="Leave the code package out and write a placeholder for it."
    )
    accept = click.Option(
        ["--accept-changes"], is_flag=True, help="Deploy although a start that exists today would change."
    )
    strict = click.Option(["--strict"], is_flag=True, help="A warning is as good as an error.")
    replaces = click.Option(
        ["--replaces"],
        multiple=True,
        metavar="NAME",
        help="A deployment that this one stands for, as after renaming the flow: it goes when this one is there.",
    )
    live = click.Option(["--live"], is_flag=True, help="Compare with what is deployed; what differs, in words.")
    commands["create"] = _command(
        "create",
        "create_command",
        backend,
        f"Deploy this workflow, with everything that starts it, to {product}.",
        [*create.params, accept, PLAN, strict, replaces],
    )
    commands["compile"] = _command(
        "compile",
        "compile_command",
        backend,
        f"Print or write all that `create` would deploy to {product}. Needs no cloud.",
        [
            click.Option(["--output"], type=click.Path(), help="Write into this folder instead of printing."),
            click.Option(
                ["--show"],
                type=click.Choice(["all", "triggers", *shows]),
                default="all",
                show_default=True,
                help="triggers: leave the step-by-step workflow out."
                + "".join(f" {word}: {text}" for word, text in shows.items()),
            ),
            no_code_package,
            strict,
            click.Option(
                ["--package-output"],
                type=click.Path(),
                help="Write the code package below this folder, at its place below the datastore's root.",
            ),
            *workflow_options,
        ],
    )
    commands["diff"] = _command(
        "diff",
        "diff_command",
        backend,
        "Compare what this flow compiles to with an output folder, or with what is deployed. "
        "Exit code 0: same, 1: different, 2: error.",
        [
            click.Option(["--against"], type=click.Path(), help="A folder that compile --output wrote."),
            live,
            click.Option(["--full"], is_flag=True, help="Also the text of the files, as a unified diff."),
            click.Option(
                ["--format"], type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True
            ),
            no_code_package,
            *workflow_options,
        ],
    )
    commands["delete"] = _command(
        "delete",
        "delete_command",
        backend,
        "Delete all that `create` deployed for this workflow.",
        [*delete.params, *delete_options],
    )
    return click.Group(
        upstream_group.name,
        commands=commands,
        callback=upstream_group.callback,
        params=upstream_group.params,
        help=upstream_group.help,
    )


def _command(name, function, backend, text, params):
    @click.pass_obj
    def callback(obj, **options):
        from metaflow_triggers.reading import prepared

        if prepared.collector is not None:  # a project is read, and `compile` leads here
            prepared.collector(obj, options)
            return
        from metaflow_triggers.commands import flow

        code = getattr(flow, function)(obj, backend, options)
        if code:
            raise SystemExit(code)

    return click.Command(name, callback=callback, params=list(params), help=text)
