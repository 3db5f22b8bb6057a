"""Polling in a cluster: one process that polls a flow's triggers and starts it with Workflows.

In:   the ConfigMaps that `create` has made, one for each trigger; the Kubernetes API with the pod's account.
Out:  Workflows, and what is remembered of polls, in these ConfigMaps.

Not here: making the objects (`backends.argo`). The standard library alone: it runs in the flow's image.
"""

HOLDER_VARIABLE = "METAFLOW_TRIGGERS_POLLER"
"""The pod's uid: a container that starts anew in its pod is the holder of before."""
