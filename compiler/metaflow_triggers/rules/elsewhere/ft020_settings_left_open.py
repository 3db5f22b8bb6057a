"""FT020: settings are left open."""

SEVERITY = "note"
SOURCE = "commands.md#what-stands-open"
RAISED = "compiling/left_open.py"
FINDS = """What was compiled needs values that no configuration gives. They are listed once, by the setting's name, with
what stands for each: a parameter without default on Step Functions, a text `OPEN.<Name>.SETTING` on Argo Workflows.
Defaults that a deployment may not reach stand beside them: the image (that of the Python that compiles, from a public
registry), in a cluster the namespace and the Secrets of the webhooks.
`--strict` refuses both."""
WHY = """`create` asks for them; whoever deploys the files otherwise, with CloudFormation or Argo CD, has to know what
to fill in."""
BAD = "$ metaflow-triggers compile flows --output manifests"
GOOD = """
$ export METAFLOW_DATASTORE_SYSROOT_S3=s3://bucket/metaflow
$ metaflow-triggers compile flows --backend argo-workflows --output manifests
"""
