"""FT021: a secret stands in clear in the output folder."""

SEVERITY = "warning"
SOURCE = "settings.md#secrets"
RAISED = "compiling/in_clear.py"
FINDS = """`compile --output` would write the value of a secret setting: METAFLOW_SERVICE_AUTH_KEY, a header of
METAFLOW_SERVICE_HEADERS, the user and password of an address. It names the setting and the files, never the value;
`--strict` refuses. Metaflow's compilers put them there, for the runs need them. `create` writes no file, and says
nothing."""
WHY = "The folder is made to be committed, and who reads the repository has the secret."
BAD = """
$ export METAFLOW_SERVICE_AUTH_KEY=...
$ metaflow-triggers compile flows --backend argo-workflows --output manifests
"""
GOOD = """
$ export METAFLOW_KUBERNETES_SECRETS=metaflow-service   # a Secret with the key METAFLOW_SERVICE_AUTH_KEY
$ metaflow-triggers compile flows --backend argo-workflows --output manifests
"""
