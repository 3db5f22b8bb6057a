"""metaflow-triggers: the deployment compiler for event-driven Metaflow flows.

Stages, each a module or package that opens with what it takes and gives:
read -> link -> check -> lower (per backend) -> render -> validate -> write.
Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
