"""This cannot be polled."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow="FileProcessor")
async def asynchronous():
    return TriggerResult.skip()


@trigger(workflow="FileProcessor")
def generator():
    yield TriggerResult.skip()


@trigger(workflow="FileProcessor")
def with_argument(path):
    return TriggerResult.skip()


trigger(workflow="FileProcessor", name="text")("no function")
