"""A poll trigger takes no cron."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow='FileProcessor', cron='0 8 * * *')
def on_time():
    return TriggerResult.skip()
