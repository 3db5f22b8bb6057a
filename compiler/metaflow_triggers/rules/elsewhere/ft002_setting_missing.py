"""FT002: a setting is missing."""

SOURCE = "settings.md#settings"
RAISED = "commands/flow.py backends seams/parts.py"
FINDS = "The command has to know a setting that no configuration gives. `compile` never needs one; `create` does."
WHY = "A guessed bucket, role or queue would deploy a flow that fails later, or runs in the wrong place."
BAD = "$ python flow.py step-functions create"
GOOD = """
$ export METAFLOW_SFN_IAM_ROLE=arn:aws:iam::123456789012:role/states
$ python flow.py step-functions create

$ python flow.py step-functions compile --output manifests   # needs no setting
"""
