"""Rules FT0: usage and configuration. In, Out, Not here: see `metaflow_triggers.rules.rule`."""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT001",
        title="the extension is not in charge",
        severity="error",
        finds="Another definition of a decorator or a command is active in place of ours, or ours did not load. "
        "Metaflow keeps the last definition of a name and only warns when an extension fails to load.",
        why="A flow would be deployed by somebody else's rules: without its triggers, or with other ones.",
        example="$ python flow.py step-functions create\n"
        "# another installed extension also defines @trigger and was loaded later",
        instead="$ pip list | grep -i metaflow      # see which extensions are installed\n"
        "$ pip uninstall the-other-extension",
        language="console",
    ),
    Rule(
        code="FT002",
        title="a setting is missing",
        severity="error",
        finds="The command has to know a setting that no configuration gives. `compile` never needs one; "
        "`create` does.",
        why="A guessed bucket, role or queue would deploy a flow that fails later, or runs in the wrong place.",
        example="$ python flow.py step-functions create",
        instead="$ export METAFLOW_SFN_IAM_ROLE=arn:aws:iam::123456789012:role/states\n"
        "$ python flow.py step-functions create\n"
        "\n"
        "$ python flow.py step-functions compile --output manifests   # needs no setting",
        language="console",
    ),
    Rule(
        code="FT003",
        title="the output folder cannot be used",
        severity="error",
        finds="The folder given with `--output` cannot be written, is no folder, or holds files and no "
        "`metaflow-triggers.json` of ours.",
        why="Files that a compiled flow no longer emits are removed from the folder, so one that is not ours is left "
        "alone. What belongs to a flow that was not compiled stays, also where the flow is gone; `diff` lists it. The "
        "check comes before the first byte is written.",
        example="$ metaflow-triggers compile flows --output .",
        instead="$ metaflow-triggers compile flows --output manifests",
        language="console",
    ),
    Rule(
        code="FT004",
        title="unknown shape of Metaflow",
        severity="error",
        finds="The installed Metaflow lacks something that we use inside of it, or has it in another shape.",
        why="Guessing what a changed inside means could deploy something else than the flow says.",
        example="$ pip install --pre metaflow\n$ metaflow-triggers compile flows",
        instead="$ pip install 'metaflow>=2.19'          # a version that is known to work\n"
        "$ pip install --upgrade metaflow-triggers",
        language="console",
    ),
    Rule(
        code="FT005",
        title="nothing to compile",
        severity="error",
        finds="A path does not exist, cannot be read, or holds no class derived from FlowSpec.",
        why="An empty result that looks like success hides a misspelt path, most of all in CI.",
        example="$ metaflow-triggers compile flow/",
        instead="$ metaflow-triggers compile flows/",
        language="console",
    ),
    Rule(
        code="FT006",
        title="compiled without a configured user",
        severity="note",
        finds="No METAFLOW_USER is configured, so the user is taken to be `nobody`.",
        why="Under @project the user names the branch (`user.<name>`), which is part of deployed names. "
        "The operating system's user is not asked: the output would differ from machine to machine.",
        example="$ metaflow-triggers compile flows",
        instead="$ METAFLOW_USER=ada metaflow-triggers compile flows\n$ metaflow-triggers compile flows --production",
        language="console",
    ),
    Rule(
        code="FT007",
        title="unknown compatibility",
        severity="error",
        finds="METAFLOW_TRIGGERS_COMPAT has a value other than `upstream`.",
        why="A misspelt value would deploy other starts than the ones that were asked for.",
        example="$ METAFLOW_TRIGGERS_COMPAT=upstraem metaflow-triggers compile flows",
        instead="$ METAFLOW_TRIGGERS_COMPAT=upstream metaflow-triggers compile flows",
        language="console",
    ),
    Rule(
        code="FT008",
        title="the backend is switched off",
        severity="error",
        finds="Another extension, or the configuration, switches this backend of Metaflow off: its commands, or the "
        "decorators that its tasks need. A note where the backend was not asked for: the others are compiled.",
        why="Nothing of Metaflow's is there that could be deployed.",
        example="$ python flow.py step-functions create\n# an installed extension has TOGGLE_CLI = ['-step-functions']",
        instead="$ metaflow-triggers compile flows --backend argo-workflows --output manifests",
        language="console",
    ),
    Rule(
        code="FT017",
        title="a setting cannot be read",
        severity="error",
        finds="METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED is not a list of HTTP statuses from 200 to 299, "
        "METAFLOW_TRIGGERS_WEBHOOK_TLS_SECRET or METAFLOW_TRIGGERS_WEBHOOK_CA_SECRET no name of a Secret, "
        "METAFLOW_TRIGGERS_KMS_KEY not the ARN of a KMS key, METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN not that of a log "
        "group with `:*` at its end, or METAFLOW_S3_SERVER_SIDE_ENCRYPTION nothing S3 takes.",
        why="Every task that publishes would fail with this value; the cluster would refuse it, and AWS what is "
        "to be encrypted.",
        example="$ METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED=ok metaflow-triggers compile flows",
        instead="$ METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED=200,202 metaflow-triggers compile flows",
        language="console",
    ),
    Rule(
        code="FT013",
        title="another command changes the output folder",
        severity="error",
        finds="Another process has been changing the folder given with `--output` or `--against` for 60 seconds.",
        why="Two commands at once would each leave the other's files out of the folder's index.",
        example="$ metaflow-triggers compile flows --output manifests &\n$ kill -STOP $!\n"
        "$ metaflow-triggers compile flows --output manifests",
        instead="$ metaflow-triggers compile flows --output manifests",
        language="console",
    ),
    Rule(
        code="FT014",
        title="the output folder was changed in part",
        severity="error",
        finds="The file system refused a change of the output folder when a part of it had been made.",
        why="Until the change is finished, the folder says neither what it said nor what it shall say. The next "
        "command finishes it before it does anything else.",
        example="$ metaflow-triggers compile flows --output manifests   # a file of it was made immutable",
        instead="$ chattr -i manifests/*/*\n$ metaflow-triggers compile flows --output manifests",
        language="console",
    ),
)
