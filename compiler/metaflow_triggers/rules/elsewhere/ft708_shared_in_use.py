"""FT708: what all flows share is in use."""

SOURCE = "argo-workflows.md#deploying"
RAISED = "backends/argo"
FINDS = "`delete --shared` found other flows of ours in the namespaces of workflows and Sensors. It lists them."
WHY = "Without the event source, the accounts and the roles no event would start them. Nothing was deleted."
BAD = "$ python one.py argo-workflows delete --shared      # two.py is deployed, too"
GOOD = """
$ python two.py argo-workflows delete
$ python one.py argo-workflows delete --shared
"""
