"""FT770: a compiled folder cannot be deployed as it is."""

SOURCE = "deploying.md#a-reviewed-folder"
RAISED = "compiling/reviewed.py"
FINDS = """The folder of `create --from` was not written by `compile`, or by another version; a file of it is missing,
was edited, or is not of it; it was compiled without the step workflow (`--show triggers`), in parts with different
settings, or for other backends; or a change of it was begun and not finished."""
WHY = """What was reviewed is what is deployed, byte for byte, or nothing. No cloud was asked for anything."""
BAD = """
$ metaflow-triggers compile flows --output manifests
$ sed -i s/order-placed/order-paid/ manifests/step-functions/Report.yaml
$ metaflow-triggers create --from manifests
"""
GOOD = """
$ metaflow-triggers compile flows --output manifests
$ metaflow-triggers create --from manifests
"""
