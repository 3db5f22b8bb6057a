from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="Order", poll_interval="1h")
def stock_is_low():
    return TriggerResult.skip()
