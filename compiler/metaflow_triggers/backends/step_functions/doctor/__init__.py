"""Doctor of this backend: what an account has of what a deployment needs.

`examine` says in which order; nothing here writes.
"""
