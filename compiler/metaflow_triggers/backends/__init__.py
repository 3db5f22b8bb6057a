"""Backends: where a trigger graph can run. Each is one package of one shape; `registry` knows their names.

Takes a flow and its graph, gives manifests, refusals, deployments. Backends do not know each other.
"""
