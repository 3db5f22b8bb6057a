"""Deploy: manifests onto a cluster, by a plan that can be printed.

Decides in the plan; whoever carries it out decides nothing.
"""
