"""`cloaca` has no such name here."""

from cloaca import DefaultRunner, Pipeline
