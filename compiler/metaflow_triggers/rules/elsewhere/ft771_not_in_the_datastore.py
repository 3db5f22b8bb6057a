"""FT771: what a compiled folder refers to is not in the datastore."""

SOURCE = "deploying.md#a-reviewed-folder"
RAISED = "commands/reviewed_folder.py"
FINDS = """A code package, or a file that belongs to it, which the files of `create --from` name by its hash, is not in
the datastore."""
WHY = """Every run would fail at its first step. `create --from` reads no flow, so it cannot make the package. Nothing
was changed."""
BAD = """
$ metaflow-triggers compile flows --output manifests
$ metaflow-triggers create --from manifests
"""
GOOD = """
$ python flows/report.py step-functions compile --output manifests --package-output package
$ aws s3 cp --recursive package s3://bucket/metaflow
$ metaflow-triggers create --from manifests
"""
