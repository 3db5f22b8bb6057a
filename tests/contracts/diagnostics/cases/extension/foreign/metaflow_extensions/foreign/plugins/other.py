from metaflow.plugins.events_decorator import TriggerDecorator


class OtherTrigger(TriggerDecorator):
    """Somebody else's `@trigger`."""

    name = "trigger"
