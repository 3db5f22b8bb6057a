"""Config: our settings among Metaflow's.

In:   METAFLOW_TRIGGERS_* from the environment or Metaflow's configuration files; the command line.
Out:  names that Metaflow merges into `metaflow.metaflow_config`.

Not here: judging the settings. Every name without two leading underscores is merged, so helpers are deleted.
"""

import os as __os
import sys as __sys

from metaflow.metaflow_config_funcs import from_conf as __from_conf
from metaflow_extensions.triggers.plugins.backends import BACKENDS as __BACKENDS
from metaflow_extensions.triggers.plugins.backends import installed as __installed


def from_conf(name, default=None):
    """A setting; an empty one counts as not set."""
    value = __from_conf(name, default)
    return default if value == "" else value


# Set by the command metaflow-triggers for itself; it looks for backends and the project file itself, too.
__OFFLINE = bool(__os.environ.get("METAFLOW_TRIGGERS_OFFLINE"))

# Backends of other packages that the command line may mean; the list of plugins asks (`plugins/mfextinit_triggers.py`).
TRIGGERS_INSTALLED_BACKENDS = [] if __OFFLINE else __installed(__sys.argv[1:])


def __command(arguments):
    """The command of ours on the command line: "compile", "diff", "create", "help", or None."""
    if __OFFLINE:
        return "compile"
    backends = (*__BACKENDS, *TRIGGERS_INSTALLED_BACKENDS)
    groups = [place for place, word in enumerate(arguments) if word in backends]
    if not groups:
        return None
    words = iter(arguments[groups[0] + 1 :])
    for word in words:
        if word == "--help":
            return "help"
        if word == "--name":  # the one option of both groups; it takes a value
            next(words, None)
        elif not word.startswith("-"):
            return "help" if "--help" in words else word
    return None


__COMMAND = __command(__sys.argv[1:])

# What the repository says of its flows counts for the commands of a backend, where the environment says nothing.
if not __OFFLINE and __COMMAND not in (None, "help"):
    from metaflow_extensions.triggers.plugins.project_file import settings as __settings

    globals().update(__settings(__sys.argv))


TRIGGERS_EVENT_BUS = from_conf("TRIGGERS_EVENT_BUS", "default")
TRIGGERS_EVENT_SOURCE = from_conf("TRIGGERS_EVENT_SOURCE", "metaflow")
TRIGGERS_WEBHOOK_SECRET = from_conf("TRIGGERS_WEBHOOK_SECRET", "metaflow-triggers-webhook")
TRIGGERS_WEBHOOK_URL = from_conf("TRIGGERS_WEBHOOK_URL")
TRIGGERS_WEBHOOK_ACCEPTED = from_conf("TRIGGERS_WEBHOOK_ACCEPTED")
TRIGGERS_WEBHOOK_CA = from_conf("TRIGGERS_WEBHOOK_CA")
TRIGGERS_BATCH_PLATFORM = from_conf("TRIGGERS_BATCH_PLATFORM", "EC2")
TRIGGERS_COMPAT = from_conf("TRIGGERS_COMPAT")
TRIGGERS_PROJECT_ID = from_conf("TRIGGERS_PROJECT_ID")

# Upstream's default is `mfns` (metaflow_config.py, since 2.19.18); ours is no prefix.
NAMESPACED_EVENTS_PREFIX = from_conf("NAMESPACED_EVENTS_PREFIX", "mfns" if TRIGGERS_COMPAT == "upstream" else None)


# Whether the command uses no datastore; the list of plugins asks for this, too.
TRIGGERS_NO_DATASTORE = __COMMAND in ("compile", "diff") or (__COMMAND == "create" and "--only-json" in __sys.argv)

# What is compiled must not depend on the operating system's user, and root needs no user name for it. An empty one is
# somebody's wish to have none. What is deployed belongs to the real user, and `diff --live` looks at that.
if __from_conf("USER") is None and __COMMAND in ("compile", "diff", "help") and "--live" not in __sys.argv:
    USER = "nobody"

# What configuration does not give stays open, by name, in what is compiled
# (metaflow_triggers.model.settings.open_setting); `create` refuses to deploy while one of these is open.
if __COMMAND in ("compile", "diff", "create"):
    if from_conf("DEFAULT_DATASTORE", "local") not in ("s3", "azure", "gs"):
        DEFAULT_DATASTORE = "s3"
    if from_conf("DATASTORE_SYSROOT_S3") is None:
        DATASTORE_SYSROOT_S3 = "s3://OPEN.DatastoreBucket.SETTING/OPEN.DatastorePrefix.SETTING"
        # The places below the root that Metaflow derives (metaflow_config.py:166, :246, :386).
        DATATOOLS_S3ROOT = from_conf("DATATOOLS_S3ROOT", DATASTORE_SYSROOT_S3 + "/data")
        CARD_S3ROOT = from_conf("CARD_S3ROOT", DATASTORE_SYSROOT_S3 + "/mf.cards")
        SFN_S3_DISTRIBUTED_MAP_OUTPUT_PATH = from_conf(
            "SFN_S3_DISTRIBUTED_MAP_OUTPUT_PATH", DATASTORE_SYSROOT_S3 + "/sfn_distributed_map_output"
        )
    if from_conf("BATCH_JOB_QUEUE") is None:
        BATCH_JOB_QUEUE = "OPEN.BatchJobQueue.SETTING"
    if from_conf("ECS_S3_ACCESS_IAM_ROLE") is None:
        ECS_S3_ACCESS_IAM_ROLE = "OPEN.BatchJobRoleArn.SETTING"
    if from_conf("ECS_FARGATE_EXECUTION_ROLE") is None:
        on_fargate = TRIGGERS_BATCH_PLATFORM.startswith("FARGATE")
        ECS_FARGATE_EXECUTION_ROLE = "OPEN.FargateExecutionRoleArn.SETTING" if on_fargate else None
        del on_fargate
    if from_conf("SFN_DYNAMO_DB_TABLE") is None:
        SFN_DYNAMO_DB_TABLE = "OPEN.DynamoDbTable.SETTING"
    # What Metaflow's compilers write into tasks: as where the variable is not there, also where it is there and empty.
    S3_SERVER_SIDE_ENCRYPTION = from_conf("S3_SERVER_SIDE_ENCRYPTION")
    KUBERNETES_NAMESPACE = from_conf("KUBERNETES_NAMESPACE", "default")
    KUBERNETES_SERVICE_ACCOUNT = from_conf("KUBERNETES_SERVICE_ACCOUNT")
    ARGO_EVENTS_SENSOR_NAMESPACE = from_conf("ARGO_EVENTS_SENSOR_NAMESPACE", KUBERNETES_NAMESPACE)
    ARGO_EVENTS_EVENT_BUS = from_conf("ARGO_EVENTS_EVENT_BUS", "default")
    ARGO_EVENTS_EVENT = from_conf("ARGO_EVENTS_EVENT")
    ARGO_EVENTS_EVENT_SOURCE = from_conf("ARGO_EVENTS_EVENT_SOURCE")
    ARGO_EVENTS_SERVICE_ACCOUNT = from_conf("ARGO_EVENTS_SERVICE_ACCOUNT")
    ARGO_EVENTS_WEBHOOK_URL = from_conf("ARGO_EVENTS_WEBHOOK_URL")
    ARGO_EVENTS_INTERNAL_WEBHOOK_URL = from_conf("ARGO_EVENTS_INTERNAL_WEBHOOK_URL", ARGO_EVENTS_WEBHOOK_URL)

del from_conf  # else Metaflow's own would be replaced by it
