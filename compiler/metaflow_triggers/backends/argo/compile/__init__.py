"""Compile: a flow and its graph lowered to Argo's objects, and those laid out as manifests.

Needs no cluster and no Kubernetes client.
"""
