"""Rules FT6, FT7 and FT9: emitted objects, deployment, ourselves.

In, Out, Not here: see `metaflow_triggers.rules.rule`.
"""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT601",
        title="an emitted object violates its schema",
        severity="error",
        finds="An object that we made does not fit the closed schema of its kind. Nothing is written.",
        why="The backend would refuse it, or ignore the part that does not fit. The mistake is ours, not the flow's.",
        example="$ metaflow-triggers compile flows\nerror[FT601]: ...",
        instead="$ metaflow-triggers compile flows --format json > report.json     # attach it to a bug report",
        language="console",
    ),
    Rule(
        code="FT701",
        title="no credentials or no connection",
        severity="error",
        finds="The backend could not be reached: no credentials, expired ones, no network, no such cluster. "
        "Or something else answered in its place, as a proxy or a sign-in page does: the note says what.",
        why="What was made before stays; the command can be repeated. `compile` needs neither.",
        example="$ python flow.py step-functions create",
        instead="$ aws sts get-caller-identity          # or: kubectl auth whoami\n"
        "$ python flow.py step-functions create",
        language="console",
    ),
    Rule(
        code="FT702",
        title="access denied",
        severity="error",
        finds="The backend refused an action on a resource to this identity. Both are named.",
        why="What was made before stays; the command can be repeated once the permission is there.",
        example="$ python flow.py step-functions create\nerror[FT702]: ... events:PutRule on rule/...",
        instead='{"Effect": "Allow", "Action": "events:PutRule", "Resource": "arn:aws:events:...:rule/..."}',
        language="text",
    ),
    Rule(
        code="FT703",
        title="an object exists and is not ours",
        severity="error",
        finds="An object of a name that we are about to make exists, without our mark of ownership.",
        why="Somebody else's object would be overwritten.",
        example="$ python flow.py argo-workflows create      # a Sensor of this name was made by hand",
        instead="$ kubectl delete sensor THE-NAME            # if nobody needs it\n"
        "$ python flow.py argo-workflows create",
        language="console",
    ),
    Rule(
        code="FT704",
        title="the backend refused a request",
        severity="error",
        finds="The backend answered a request with an error that is neither missing access nor a lost connection. "
        "Its message is quoted.",
        why="What was made before stays; the command can be repeated.",
        example="$ python flow.py step-functions create\nerror[FT704]: ...",
        instead="$ python flow.py step-functions create      # after what the quoted message asks for",
        language="console",
    ),
    Rule(
        code="FT705",
        title="create would change what starts a deployed flow",
        severity="error",
        finds="Metaflow deployed this flow without us, and something that starts it today would be another thing "
        "after `create`: its schedule, which of several flows it waits for, the parameters that an event fills, the "
        "name of an event, or a rule that somebody made by hand for an event that the flow now names.",
        why="Installing a package must not change what already runs. Nothing was deployed.",
        example="$ python flow.py step-functions create\nerror[FT705]: ... would start at cron(0 6 * * ? *) (UTC); "
        "today it starts at cron(0 0 * * ? *) (UTC)",
        instead="$ python flow.py step-functions create --accept-changes",
        language="console",
    ),
    Rule(
        code="FT706",
        title="a setting names something that is not there",
        severity="error",
        finds="A job queue, role, bucket or table that a setting names does not exist in the account and region of "
        "the credentials; or, on Argo, a Secret with certificates in the namespace that needs it.",
        why="The deployment would fail half-way, or its first run. Nothing was deployed.",
        example="$ METAFLOW_BATCH_JOB_QUEUE=quue python flow.py step-functions create",
        instead="$ METAFLOW_BATCH_JOB_QUEUE=queue AWS_DEFAULT_REGION=eu-west-1 python flow.py step-functions create",
        language="console",
    ),
    Rule(
        code="FT707",
        title="a deployment stopped half-way",
        severity="note",
        finds="`create` or `delete` was refused after its first change. The notes list each change that was made, the "
        "one that was made in part, and those that were not made.",
        why="What exists now is neither what was deployed before nor what shall be. Repeating the command goes on from "
        "here; nothing has to be cleaned up by hand.",
        example="$ python flow.py step-functions create   # without the right to iam:PutRolePolicy",
        instead="$ python flow.py step-functions create   # with it: goes on from where it stopped",
        language="console",
    ),
    Rule(
        code="FT708",
        title="what all flows share is in use",
        severity="error",
        finds="`delete --shared` found other flows of ours in the namespaces of workflows and Sensors. It lists them.",
        why="Without the event source, the accounts and the roles no event would start them. Nothing was deleted.",
        example="$ python one.py argo-workflows delete --shared      # two.py is deployed, too",
        instead="$ python two.py argo-workflows delete\n$ python one.py argo-workflows delete --shared",
        language="console",
    ),
    Rule(
        code="FT900",
        title="a bug in the compiler",
        severity="error",
        finds="The compiler ended where it never should have.",
        why="The mistake is ours. Nothing was written.",
        example="$ metaflow-triggers compile flows\nerror[FT900]: bug in the compiler: ...",
        instead="$ metaflow-triggers compile flows --format json > report.json\n"
        "# attach it and the flow to a bug report",
        language="console",
    ),
)
