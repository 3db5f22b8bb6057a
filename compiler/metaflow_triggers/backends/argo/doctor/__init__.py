"""Doctor of this backend: what a cluster has of what a deployment needs.

`examine` says in which order; nothing here writes. A `...AccessReview` is a question by POST, which leaves no object.
"""
