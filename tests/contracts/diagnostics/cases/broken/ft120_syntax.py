"""Not Python."""

from metaflow import FlowSpec

return 3
