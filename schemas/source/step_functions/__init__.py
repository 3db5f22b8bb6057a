"""The CloudFormation templates that we emit: of a flow, and of the roles that it needs.

`values` has what stands in many places, `asl` the words of state machines, `machines` ours, `roles` who may do what,
`documents` the two templates.
"""

from .documents import DOCUMENTS

__all__ = ["DOCUMENTS"]
