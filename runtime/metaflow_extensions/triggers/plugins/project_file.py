"""Project file: what it says, for the command line of one flow (`python flow.py step-functions compile`).

In:   the words of the command line; the project file that is found from the flow's file.
Out:  settings in the environment, where Metaflow's configuration looks first; what of that configuration is another
      value with them; the options of the flow before those that were typed.

Not here: reading the file (`metaflow_triggers.project_file`), which does not travel: no command of a run comes here.
"""

import os
import sys

_taken = None


def settings(arguments):
    """Take the project file; returns names of Metaflow's configuration with the values that they have now.

    Metaflow has read its configuration when it asks its extensions, so that is read once more: one setting may be the
    default of others. A file that is wrong ends the process, with what is wrong.
    """
    global _taken  # noqa: PLW0603 - the flow's class is made later
    try:
        from metaflow_triggers.commands import project_options
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("metaflow_triggers"):
            raise
        return {}  # a task, where a flow may start another deployment
    before = dict(os.environ)
    file = arguments[0] if os.path.isfile(arguments[0]) else getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        return {}
    _taken = project_options.of_one_flow(file, os.environ)
    return {} if dict(os.environ) == before else _configuration()


def _configuration():
    from importlib.util import find_spec, module_from_spec

    first = sys.modules["metaflow.metaflow_config"]
    again = module_from_spec(find_spec(first.__name__))
    # Its extensions are there already, or half there, as this one is; what they say is merged after it.
    again.__spec__.loader.exec_module(again)
    told = {name: value for name, value in vars(again).items() if name.isupper() and not callable(value)}
    return {name: value for name, value in told.items() if getattr(first, name, None) != value}


def give_options():
    """From now on a flow's command line begins with what the project file says of the flow."""
    if _taken is None:
        return
    from metaflow.flowspec import FlowSpec

    begin = FlowSpec.__init__

    def __init__(self, use_cli=True):
        if use_cli:
            from metaflow_triggers.commands import project_options

            sys.argv[1:1] = project_options.words_of_one_flow(_taken, self, sys.argv[1:])
        begin(self, use_cli)

    FlowSpec.__init__ = __init__
