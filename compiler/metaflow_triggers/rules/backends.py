"""Rules FT4 and FT5: names, sizes and limits; what a backend cannot express.

In, Out, Not here: see `metaflow_triggers.rules.rule`.
"""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT401",
        title="a name does not fit the backend",
        severity="error",
        finds="A deployed or derived name is longer than the backend takes, or has characters that it does not take.",
        why="The backend refuses the object, or cuts the name so that two become one.",
        example="@project(name='customer_lifetime_value_estimation_platform')\n"
        "class RecomputeAllCustomerLifetimeValuesFlow(FlowSpec): ...",
        instead="@project(name='clv')\nclass RecomputeFlow(FlowSpec): ...",
    ),
    Rule(
        code="FT402",
        title="an emitted object is larger than the backend takes",
        severity="error",
        finds="A template, a definition or a manifest is larger than the backend's limit. Size and limit are named.",
        why="The deployment would be refused after parts of it were made.",
        example="# one flow with several hundred steps",
        instead="# two flows, the second with\n@trigger_on_finish(flow='FirstHalf')",
    ),
    Rule(
        code="FT403",
        title="null in a template",
        severity="error",
        finds="An emitted CloudFormation template holds a null.",
        why="CloudFormation refuses the whole template for it, and its message does not say where the null is.",
        example='{"Type": "Task", "ResultPath": null}',
        instead='{"Type": "Task", "ResultPath": "$.discarded"}',
        language="json",
    ),
    Rule(
        code="FT404",
        title="the overrides of a task do not fit",
        severity="error",
        finds="Command and environment of a step are larger than the backend takes in one request (AWS Batch: 8,192 "
        "characters for all container overrides).",
        why="The step could be deployed and never be started.",
        example="@environment(vars={'RULES': LONG_TEXT})",
        instead="# keep long texts in a file beside the flow, or in S3\n"
        "@environment(vars={'RULES_FILE': 'rules.json'})",
    ),
    Rule(
        code="FT405",
        title="more of a kind than the backend takes",
        severity="error",
        finds="More rules, targets or dependencies than the backend takes. Number and quota are named. On Argo "
        "Workflows the Sensor's pod gets its Sensor in one environment string of 131,072 bytes.",
        why="The deployment would be refused after parts of it were made.",
        example="@trigger(events=[f'sensor-{i}' for i in range(2000)], require='any')",
        instead="@trigger(event='sensor-reading')      # one name; the sensor's number in the payload",
    ),
    Rule(
        code="FT501",
        title="the backend cannot wait for this set",
        severity="error",
        finds="A trigger needs all of several dependencies in a way that the backend cannot keep. On Argo Workflows: "
        "`join='queue'` (Argo Events keeps the newest event of each dependency only). On both clouds: `auto_map` where "
        "a required parameter is mapped by none of the events.",
        why="Another way of pairing events starts other runs, or loses events.",
        example="@trigger(events=['orders', 'prices'], options={'join': 'queue'})",
        instead="@trigger(events=['orders', 'prices'])          # the newest of each",
    ),
    Rule(
        code="FT502",
        title="a filter that the backend cannot keep",
        severity="error",
        finds="A `filter` with a condition that the backend does not know, or cannot decide exactly: on AWS "
        "`equals-ignore-case` over an outcome's `error`, or a condition that no outcome of the flow can pass; and a "
        "pattern that EventBridge refuses when `create` asks it (`events:TestEventPattern`), before anything is "
        "written, in its own words. A note for a number beyond what EventBridge's guide promises to compare (-5e9 to "
        "5e9, 15 digits, 6 of them after the point): its matcher compares more.",
        why="The flow would start on events that the filter excludes, or not start on events that it lets through.",
        example="@trigger_on_finish(flow='Ingest', match='failure', filter={'error': [{'equals-ignore-case': 'x'}]})",
        instead="@trigger_on_finish(flow='Ingest', match='failure', filter={'error': ['x', 'X']})",
    ),
    Rule(
        code="FT503",
        title="the backend cannot use an `origin`",
        severity="error",
        finds="An `origin` (an event that another system publishes) without a part for the backend or with one that "
        "it does not understand, or two events of one flow with the same origin.",
        why="The flow would wait for an event that nobody publishes under this name, or could not tell which of the "
        "two an event is.",
        example="@trigger(event={'name': 'upload', 'origin': {'step-functions': {'detail-type': 'Object Created'}}})",
        instead="@trigger(event={'name': 'upload', 'origin': {'step-functions': {'source': 'aws.s3', "
        "'detail-type': 'Object Created'}}})",
    ),
    Rule(
        code="FT504",
        title="the backend cannot tell an outcome",
        severity="error",
        finds="A @trigger_on_finish waits for an outcome that the backend cannot tell. Step Functions and Argo "
        "Workflows tell every outcome; a backend of somebody else may not.",
        why="Leaving out an outcome would leave out starts.",
        example="@trigger_on_finish(flow='ScoreFlow', match='timeout')",
        instead="@trigger_on_finish(flow='ScoreFlow', match=['success', 'failure'])",
    ),
    Rule(
        code="FT505",
        title="the schedule cannot be expressed",
        severity="error",
        finds="A cron expression of @schedule that the backend cannot keep. Argo Workflows knows five fields: no `L`, "
        "`W`, `#`, no year. A warning with METAFLOW_TRIGGERS_COMPAT=upstream: what Metaflow alone deploys is "
        "deployed, also where Argo cannot read it. And a warning for a `reset_at` that a Sensor does not keep through "
        "a change of the clocks: its first dates are told.",
        why="A schedule that is cut to what the backend knows fires at other times.",
        example="@schedule(cron='0 8 ? * MON#1 *')",
        instead="@schedule(daily=True)",
    ),
    Rule(
        code="FT506",
        title="the backend cannot bound the runs of a flow",
        severity="error",
        finds="`options={'max_active': ...}` of a trigger, for a backend that cannot let further starts wait. Step "
        "Functions has nothing that holds an execution back. Argo Workflows has a mutex, so it keeps 1 (version 3.6 or "
        "newer); more would need an object that counts.",
        why="More runs than the flow can stand would work at once, or starts would be lost.",
        example="@trigger(event='orders', options={'max_active': 3})      # on step-functions",
        instead="@trigger(event='orders')          # and let the step that cannot stand it take a lock of its own",
    ),
    Rule(
        code="FT507",
        title="an outcome that cannot prove where it comes from",
        severity="note",
        finds="On Argo Workflows a flow waits for a flow that is not among those that are compiled together, and that "
        "no version which proves outcomes has deployed, as far as is known: `create` asks the cluster, `compile` does "
        "not. Its outcomes are taken from the event source where all events are published. `--strict` refuses it.",
        why="Who holds the token of that event source may publish that the flow has ended, and starts the one that "
        "waits. The exit handler of a flow that metaflow-triggers deploys has an event source and a token of its own; "
        "one that Metaflow alone deployed has not.",
        example="$ metaflow-triggers compile transform.py --external-flow DataIngestion",
        instead="$ metaflow-triggers compile transform.py ingestion.py\n"
        "$ METAFLOW_TRIGGERS_UNPROVEN_PARENTS=refuse metaflow-triggers compile transform.py "
        "--external-flow DataIngestion",
        language="console",
        strict=True,
    ),
    Rule(
        code="FT508",
        title="runs are given no rights",
        severity="note",
        finds="No setting names the account of runs on Argo Workflows, so that the Role `metaflow-triggers-run` is "
        "bound to none, and events start some of the flows. `create` says it only where the cluster has no such "
        "binding of an earlier version.",
        why="A run that an event started reads the event from its own Workflow object; without the right to it fails "
        "before the first step. The namespace's `default` account is no place for rights unasked: every pod there that "
        "names no account would have them.",
        example="$ metaflow-triggers compile flows --backend argo-workflows",
        instead="$ METAFLOW_KUBERNETES_SERVICE_ACCOUNT=flows metaflow-triggers compile flows --backend argo-workflows",
        language="console",
    ),
    Rule(
        code="FT510",
        title="the backend cannot run the flow",
        severity="error",
        finds="The flow uses something that Metaflow's compiler for this backend refuses, for example @parallel, "
        "@exit_hook or a switch step. Its message is quoted.",
        why="The triggers could be deployed, the flow that they start could not.",
        example="self.next(self.train, num_parallel=4)      # on step-functions",
        instead="self.next(self.train, foreach='shards')",
    ),
    Rule(
        code="FT512",
        title="text that Argo Workflows would fill in",
        severity="error",
        finds="An annotation, a label or another setting of a step, or a tag of the run, that holds `{{...}}` which "
        "Argo Workflows fills in: an expression (`{{=...}}`), a variable of its own (`{{workflow.name}}`, "
        "`{{inputs...}}`), or an opening without an end. Step and text are named. In environment variables, "
        "parameters, titles and docstrings such text arrives as it is written, and so does `{{ anything else }}` "
        "everywhere. An image or an account may hold `{{workflow.name}}`.",
        why="The text would not arrive as it is written, or the run could not start.",
        example="@kubernetes(annotations={'template': 'Hello {{workflow.name}}'})",
        instead="@environment(vars={'TEMPLATE': 'Hello {{workflow.name}}'})",
    ),
)
