"""Rules FT2 and FT3: linking flows and events, parameters and payload.

In, Out, Not here: see `metaflow_triggers.rules.rule`.
"""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT201",
        title="a trigger waits for an unknown flow",
        severity="error",
        finds="A flow waits for a flow of a name, project and branch that no file of the command defines.",
        why="The flow deploys cleanly and then never starts.",
        example="@trigger_on_finish(flow='ScoreFlw')",
        instead="@trigger_on_finish(flow='ScoreFlow')",
    ),
    Rule(
        code="FT202",
        title="no flow emits the event",
        severity="warning",
        finds="A flow waits for an event that no flow of the command emits by a literal name, although the files emit "
        "others or one with a close name. Where the files emit nothing and no name is close, it is a note. "
        "Calls of `emit_event` with a computed name are not seen.",
        why="If nothing outside of these files publishes the event, the flow never starts.",
        example="emit_event('order-placed')             # in one flow\n\n"
        "@trigger(event='orders-placed')        # on another",
        instead="emit_event('order-placed')\n\n@trigger(event='order-placed')",
    ),
    Rule(
        code="FT203",
        title="flows start each other in a circle",
        severity="error",
        finds="Following @trigger_on_finish from flow to flow leads back to where it began. Where going round takes a "
        "run that does not succeed, so that success ends the circle, it is a warning.",
        why="One start is followed by starts without end, and each of them costs money.",
        example="@trigger_on_finish(flow='TrainFlow')\nclass ScoreFlow(FlowSpec): ...\n\n"
        "@trigger_on_finish(flow='ScoreFlow')\nclass TrainFlow(FlowSpec): ...",
        instead="@trigger_on_finish(flow='TrainFlow')\nclass ScoreFlow(FlowSpec): ...\n\n"
        "@schedule(daily=True)\nclass TrainFlow(FlowSpec): ...",
    ),
    Rule(
        code="FT204",
        title="two flows would be deployed under one name",
        severity="error",
        finds="Two flows of the command have the same name, project and branch, or names that become the same deployed "
        "name.",
        why="The second deployment would overwrite the first.",
        example="# flows/daily.py and flows/hourly.py both have\nclass LoadFlow(FlowSpec): ...",
        instead="# flows/daily.py\nclass DailyLoadFlow(FlowSpec): ...\n\n# flows/hourly.py\n"
        "class HourlyLoadFlow(FlowSpec): ...",
    ),
    Rule(
        code="FT205",
        title="a flow waits for one that runs elsewhere",
        severity="error",
        finds="A flow waits for the end of another, and the steps of the two ask for different backends: `@batch` for "
        "step-functions, `@kubernetes` for argo-workflows. A flow that asks for one is compiled for that one, unless "
        "`--backend` names one for all. A warning where the two have a backend in common.",
        why="An outcome is told on the backend where the flow runs, so the waiting flow would never start.",
        example="class Load(FlowSpec):\n    @batch\n    @step\n    def start(self): ...\n\n"
        "@trigger_on_finish(flow='Load')\nclass Report(FlowSpec):\n    @kubernetes\n    @step\n"
        "    def start(self): ...",
        instead="class Load(FlowSpec):\n    @kubernetes\n    @step\n    def start(self): ...\n\n"
        "@trigger_on_finish(flow='Load')\nclass Report(FlowSpec):\n    @kubernetes\n    @step\n"
        "    def start(self): ...",
    ),
    Rule(
        code="FT301",
        title="unknown parameter in a mapping",
        severity="error",
        finds="A mapping sets a parameter that the flow does not have. Names count as written, case included.",
        why="The run would start without the value, or not at all.",
        example="@trigger(event={'name': 'signup', 'parameters': {'user': 'userId'}})\n"
        "class WelcomeFlow(FlowSpec):\n    user_id = Parameter('user_id')",
        instead="@trigger(event={'name': 'signup', 'parameters': {'user_id': 'userId'}})\n"
        "class WelcomeFlow(FlowSpec):\n    user_id = Parameter('user_id')",
    ),
    Rule(
        code="FT302",
        title="a mapping sets a Config",
        severity="error",
        finds="A mapping sets a `Config`.",
        why="A Config is read when the flow is deployed; an event comes later.",
        example="@trigger(event={'name': 'signup', 'parameters': {'model': 'model'}})\n"
        "class WelcomeFlow(FlowSpec):\n    model = Config('model', default='model.json')",
        instead="@trigger(event={'name': 'signup', 'parameters': {'model': 'model'}})\n"
        "class WelcomeFlow(FlowSpec):\n    model = Parameter('model', type=JSONType, default='{}')",
    ),
    Rule(
        code="FT303",
        title="a parameter is mapped twice",
        severity="error",
        finds="One event maps a parameter twice, or two dependencies of a trigger that needs *all* map the same one. "
        "Within *any* each event starts a run of its own and may map the same parameter.",
        why="One of the two values would be lost, and nothing says which.",
        example="@trigger(event={'name': 'signup', 'parameters': [('user_id', 'id'), ('user_id', 'userId')]})",
        instead="@trigger(event={'name': 'signup', 'parameters': [('user_id', 'userId')]})",
    ),
    Rule(
        code="FT304",
        title="a required parameter is left unfilled by a trigger",
        severity="error",
        finds="A parameter is required and has no default, and a trigger can start the flow without a value for it. "
        "Under *any* each dependency has to map it, under *all* one of them.",
        why="No such start could run: the event would come and nothing would happen.",
        example="@trigger(event='signup')\n"
        "class WelcomeFlow(FlowSpec):\n    user_id = Parameter('user_id', required=True)",
        instead="@trigger(event={'name': 'signup', 'parameters': {'user_id': 'userId'}})\n"
        "class WelcomeFlow(FlowSpec):\n    user_id = Parameter('user_id', required=True)",
    ),
    Rule(
        code="FT305",
        title="a required parameter is left unfilled by @schedule",
        severity="error",
        finds="A flow with @schedule has a parameter that is required and has no default.",
        why="A schedule gives no values, so no scheduled run could start.",
        example="@schedule(daily=True)\nclass ReportFlow(FlowSpec):\n    day = Parameter('day', required=True)",
        instead="@schedule(daily=True)\nclass ReportFlow(FlowSpec):\n    day = Parameter('day', default='yesterday')",
    ),
    Rule(
        code="FT306",
        title="an outcome has no such field",
        severity="error",
        finds="A mapping or a filter of @trigger_on_finish names a field that the payload of an outcome lacks. It has "
        "`flow`, `run_id`, `outcome`, `project`, `branch`, `step` and `error`.",
        why="The parameter would never get a value; the filter would never match.",
        example="@trigger_on_finish(flow='ScoreFlow', parameters={'run': 'runId'})",
        instead="@trigger_on_finish(flow='ScoreFlow', parameters={'run': 'run_id'})",
    ),
    Rule(
        code="FT307",
        title="a constant is not JSON",
        severity="error",
        finds="A constant of a mapping has no JSON text: NaN, infinity, a set, bytes, a key that is no string, a lone "
        "surrogate.",
        why="Constants stand in reviewed manifests and travel as JSON; what has no text cannot arrive unchanged.",
        example="@trigger(event={'name': 'signup', 'parameters': {'limit': {'value': float('inf')}}})",
        instead="@trigger(event={'name': 'signup', 'parameters': {'limit': {'value': 1e9}}})",
    ),
)
