"""FT728: a management call while a file is read."""

SOURCE = "poll-triggers.md#looking-after-it"
RAISED = "poll/runner.py"
FINDS = "A file calls a `DefaultRunner` when it is imported, and one of our commands reads it for its triggers."
WHY = "Reading a file must change nothing."
BAD = """
runner = DefaultRunner('sqlite://workflows.db')
runner.set_trigger_enabled('inbox', False)
"""
GOOD = """
if __name__ == '__main__':      # then: metaflow-triggers exec FILE
    runner = DefaultRunner('sqlite://workflows.db')
    runner.set_trigger_enabled('inbox', False)
"""
