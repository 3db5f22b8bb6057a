from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="ScoreFlow")
def something_waits():
    return TriggerResult.skip()
