"""A management call while a file is read."""

from metaflow_triggers.poll import DefaultRunner

DefaultRunner("sqlite://here.db").list_trigger_schedules()
