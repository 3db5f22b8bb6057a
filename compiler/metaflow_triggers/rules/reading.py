"""Rules FT1: reading a flow. In, Out, Not here: see `metaflow_triggers.rules.rule`."""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT101",
        title="both or neither of `event` and `events`",
        severity="error",
        finds="A @trigger with both `event` and `events`, or with neither; a @trigger_on_finish with both `flow` and "
        "`flows`, or with neither. An empty `events=[]` beside `event=` counts as absent.",
        why="With both, one of the two would have to be dropped; with neither, nothing starts the flow.",
        example="@trigger(event='data-ready', events=['data-updated'])",
        instead="@trigger(events=['data-ready', 'data-updated'], require='any')",
    ),
    Rule(
        code="FT102",
        title="an event has a form that is not understood",
        severity="error",
        finds="An element of `event` or `events` that is no string, no dict with a `name` and no callable.",
        why="The flow would wait for something that cannot be named.",
        example="@trigger(event=('data-ready', {'day': 'day'}))",
        instead="@trigger(event={'name': 'data-ready', 'parameters': {'day': 'day'}})",
    ),
    Rule(
        code="FT103",
        title="unknown key in an event or flow",
        severity="error",
        finds="A key of an event's or a flow's dict that means nothing. "
        "A warning with METAFLOW_TRIGGERS_COMPAT=upstream: Metaflow itself ignores it.",
        why="A misspelt `parameters` that is ignored deploys a flow that starts without its values.",
        example="@trigger(event={'name': 'order-placed', 'parameter': {'order_id': 'orderId'}})",
        instead="@trigger(event={'name': 'order-placed', 'parameters': {'order_id': 'orderId'}})",
    ),
    Rule(
        code="FT104",
        title="bad event name",
        severity="error",
        finds="An event name that is not 1 to 128 of the characters `A-Z a-z 0-9 _ . -`.",
        why="Other characters are not carried alike by every backend, so publisher and flow would miss each other.",
        example="@trigger(event='order placed')",
        instead="@trigger(event='order-placed')",
    ),
    Rule(
        code="FT105",
        title="named twice in one trigger",
        severity="error",
        finds="One trigger names the same event twice with the same filter and the same mapping, or the same flow "
        "twice for an outcome that both cover; also when the names come from callables. One event may stand several "
        "times with other filters or mappings: with *any* the first that it matches counts, with *all* it fills each. "
        "It has one `origin`.",
        why="The second of the two says nothing new: with *any* it never counts, with *all* the trigger waits for less "
        "than it seems to.",
        example="@trigger(events=['data-ready', 'data-ready'])",
        instead="@trigger(event='data-ready')",
    ),
    Rule(
        code="FT106",
        title="bad `require`",
        severity="error",
        finds="A `require` that is neither 'any' nor 'all'.",
        why="Whether one event starts the flow or all are needed is too much to guess.",
        example="@trigger(events=['orders', 'prices'], require='both')",
        instead="@trigger(events=['orders', 'prices'], require='all')",
    ),
    Rule(
        code="FT107",
        title="bad `options`",
        severity="error",
        finds="`options` is no dict, has an unknown key, or a value of a wrong form (`max_active` is a number from 1); "
        "`reset_at` has a cron expression or a timezone that is not understood. Its cron has the five fields of "
        "Argo: Sunday is 0.",
        why="An option that is ignored is one that the user counts on.",
        example="@trigger(event='data-ready', options={'automap': True})",
        instead="@trigger(event='data-ready', options={'auto_map': True})",
    ),
    Rule(
        code="FT108",
        title="a flow has a form that is not understood",
        severity="error",
        finds="An element of `flow` or `flows` that is no flow name, no 'project.branch.Flow', no dict with a `name` "
        "and no callable.",
        why="The flow would wait for something that cannot be named.",
        example="@trigger_on_finish(flow='ml.ScoreFlow')",
        instead="@trigger_on_finish(flow='ml.prod.ScoreFlow')",
    ),
    Rule(
        code="FT109",
        title="bad `match`",
        severity="error",
        finds="A `match` that is not 'success', 'failure', 'timeout', 'aborted', 'finish' or a list of these.",
        why="The flow would wait for an outcome that no run can have.",
        example="@trigger_on_finish(flow='ScoreFlow', match='succeeded')",
        instead="@trigger_on_finish(flow='ScoreFlow', match='success')",
    ),
    Rule(
        code="FT110",
        title="a deploy-time callable failed",
        severity="error",
        finds="A function in a trigger raised, or returned something that has no form of an event, a flow or "
        "`parameters`. The exception and the line that raised it are quoted.",
        why="Until the function answers, it is not known what the flow waits for.",
        example="def which(context):\n    return 42\n\n@trigger(event=which)",
        instead="def which(context):\n    return 'prod-event' if context.user_name == 'deployer' else 'dev-event'\n\n"
        "@trigger(event=which)",
    ),
    Rule(
        code="FT111",
        title="bad form of `parameters`",
        severity="error",
        finds="`parameters` is no dict {flow parameter: event field}, no list or tuple of 'same_name' or "
        "('flow_parameter', 'event_field'), and no callable that returns one of these. "
        "A warning for a tuple with METAFLOW_TRIGGERS_COMPAT=upstream, under which it has no effect.",
        why="A mapping that is dropped starts the flow without its values.",
        example="@trigger(event={'name': 'order-placed', 'parameters': [('order_id', 'order', 'id')]})",
        instead="@trigger(event={'name': 'order-placed', 'parameters': [('order_id', 'order.id')]})",
    ),
    Rule(
        code="FT112",
        title="unknown argument of a decorator",
        severity="error",
        finds="A keyword that @trigger or @trigger_on_finish does not know, or an argument without a keyword.",
        why="An argument that is ignored is one that the user counts on.",
        example="@trigger(event='data-ready', on='any')",
        instead="@trigger(event='data-ready', require='any')",
    ),
    Rule(
        code="FT113",
        title="several dependencies without `require`",
        severity="note",
        finds="A trigger with several events or flows does not say whether any one of them starts the flow or all are "
        "needed. The note says which was taken.",
        why="Several events mean *all* and several flows mean *any* by default: easy to take for one another.",
        example="@trigger_on_finish(flows=['Left', 'Right'])",
        instead="@trigger_on_finish(flows=['Left', 'Right'], require='any')",
    ),
    Rule(
        code="FT114",
        title="a bare event sets no parameter",
        severity="note",
        finds="A flow with parameters waits for a single event without a mapping.",
        why="Only what is written is mapped, so every parameter keeps its default in such a run. "
        "Upstream Metaflow maps all parameters by name in this one case.",
        example="@trigger(event='order-placed')\n"
        "class OrderFlow(FlowSpec):\n    order_id = Parameter('order_id', default='')",
        instead="@trigger(event={'name': 'order-placed', 'parameters': ['order_id']})\n"
        "# or, every parameter from the field of the same name:\n"
        "@trigger(event='order-placed', options={'auto_map': True})",
    ),
    Rule(
        code="FT115",
        title="a project without a branch",
        severity="error",
        finds="A flow of @trigger_on_finish is given with `project` and without `project_branch`.",
        why="Each branch of a project is a deployment of its own; the wrong one would start the flow.",
        example="@trigger_on_finish(flow={'name': 'ScoreFlow', 'project': 'ml'})",
        instead="@trigger_on_finish(flow={'name': 'ScoreFlow', 'project': 'ml', 'project_branch': 'prod'})",
    ),
    Rule(
        code="FT116",
        title="bad filter",
        severity="error",
        finds="A `filter` that is no content pattern: an unknown operator, an operand of a wrong kind, an empty list, "
        "a value outside of a list, a numeric range without numbers in it, or one of EventBridge's operators that not "
        "every backend can say (`wildcard`, `cidr`, `$or`). And one on which the backends would part: a number that a "
        "64-bit float does not keep, a `prefix` that ends with a quote, a `suffix` that begins with one, "
        "`equals-ignore-case` with a character beyond U+FFFF or with letters beyond A to Z.",
        why="A filter that never matches is a flow that never starts; one that matches too much starts it too often.",
        example="@trigger(event={'name': 'order-placed', 'filter': {'amount': [{'numeric': ['>', '100']}]}})",
        instead="@trigger(event={'name': 'order-placed', 'filter': {'amount': [{'numeric': ['>', 100]}]}})",
    ),
    Rule(
        code="FT117",
        title="bad schedule",
        severity="error",
        finds="The `cron` of @schedule is not one of AWS's: six fields, minutes hours day-of-month month day-of-week "
        "year, with `?` in exactly one of the two day fields; or the timezone is not in the IANA database. "
        "The caret stands under the characters that are wrong. A warning with METAFLOW_TRIGGERS_COMPAT=upstream when "
        "the first five fields are good for Argo.",
        why="The flow would never start, or at other times.",
        example="@schedule(cron='0 9 * * 1 *')",
        instead="@schedule(cron='0 9 ? * MON *')",
    ),
    Rule(
        code="FT120",
        title="the file raised on import",
        severity="error",
        finds="Importing a flow file raised an exception, or the file is not valid Python. "
        "The exception and its place in the file are shown; the other files are compiled.",
        why="What cannot be imported cannot be deployed.",
        example="import pandsa\n\nclass ReportFlow(FlowSpec): ...",
        instead="import pandas\n\nclass ReportFlow(FlowSpec): ...",
    ),
    Rule(
        code="FT121",
        title="the file did not finish importing in time",
        severity="error",
        finds="Importing a flow file took longer than the limit; it was ended. The other files are compiled.",
        why="A file that waits on import (for a server, for input) would wait in every task of every run too.",
        example="connection = connect_to_warehouse()     # at the top of the file\n\nclass LoadFlow(FlowSpec): ...",
        instead="class LoadFlow(FlowSpec):\n    @step\n    def start(self):\n"
        "        connection = connect_to_warehouse()",
    ),
    Rule(
        code="FT122",
        title="the file called sys.exit",
        severity="error",
        finds="Importing a flow file ended the interpreter. The other files are compiled.",
        why="The flows of this file were never seen.",
        example="class LoadFlow(FlowSpec): ...\n\nLoadFlow()",
        instead="class LoadFlow(FlowSpec): ...\n\nif __name__ == '__main__':\n    LoadFlow()",
    ),
    Rule(
        code="FT124",
        title="the file does too much of something while it is read",
        severity="error",
        finds="A flow file printed more than 16 MiB while it was imported, or more arrived of what it defines than any "
        "file can define; it was ended. The other files are compiled.",
        why="What a file prints on import it prints in every task of every run too.",
        example="for row in table:       # at the top of the file\n    print(row)\n\nclass LoadFlow(FlowSpec): ...",
        instead="class LoadFlow(FlowSpec):\n    @step\n    def start(self):\n        for row in table:\n"
        "            print(row)",
    ),
    Rule(
        code="FT125",
        title="a path is not read",
        severity="error",
        finds="A path is no regular file (a device, a pipe, a socket), is larger than 1 MiB, or may not be read. "
        "Below a folder it is a warning, and the other files are compiled; where the code package would have to hold "
        "it (of any size), it is an error.",
        why="Reading a device or a pipe may never end; a flow in a file that is left out would be missing silently.",
        example="$ ln -s /dev/zero flows/load.py\n$ metaflow-triggers check flows",
        instead="$ rm flows/load.py\n$ metaflow-triggers check flows",
        language="console",
    ),
    Rule(
        code="FT126",
        title="the options of a flow's command line do not fit",
        severity="error",
        finds="A flow's command line refuses its options, in its own words; a Config has no value; an option of a "
        "command over many flows is for a Config or a flow that is not there. `--config-value NAME VALUE`, "
        "`--config NAME FILE`, `--environment` and `--with` are given to all flows (a Config to those that have it), "
        "`--flow-option 'FLOW=...'` to one.",
        why="The flow cannot be read without them, so it would be missing from what is deployed.",
        example="class LoadFlow(FlowSpec):\n    table = Config('table', required=True)\n\n"
        "# $ metaflow-triggers compile flows",
        instead="class LoadFlow(FlowSpec):\n    table = Config('table', required=True)\n\n"
        '# $ metaflow-triggers compile flows --config-value table \'{"name": "orders"}\'',
    ),
    Rule(
        code="FT123",
        title="Metaflow rejects the flow",
        severity="error",
        finds="Metaflow itself refuses the flow: its graph, its parameters or one of its decorators; or what it runs "
        "of the flow's own code to prepare it (a mutator) raised. The message is quoted.",
        why="`python flow.py run` fails with the same message.",
        example="class LoadFlow(FlowSpec):\n    @step\n    def start(self):\n        pass        # leads nowhere",
        instead="class LoadFlow(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        pass",
    ),
)
