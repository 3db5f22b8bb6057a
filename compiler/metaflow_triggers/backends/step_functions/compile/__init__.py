"""Compile: a flow and its graph lowered to AWS resources, and those assembled into one template.

Needs no account and no AWS client.
"""
