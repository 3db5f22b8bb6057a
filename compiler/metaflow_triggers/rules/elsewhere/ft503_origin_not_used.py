"""FT503: the backend cannot use an `origin`."""

SOURCE = "semantics.md#3-events-on-the-wire"
RAISED = "backends/argo/compile backends/step_functions/compile"
FINDS = """An `origin` (an event that another system publishes) without a part for the backend or with one that it does
not understand, or two events of one flow with the same origin."""
WHY = """The flow would wait for an event that nobody publishes under this name, or could not tell which of the two an
event is."""
BAD = "@trigger(event={'name': 'upload', 'origin': {'step-functions': {'detail-type': 'Object Created'}}})"
GOOD = """
@trigger(event={'name': 'upload', 'origin': {
    'step-functions': {'source': 'aws.s3', 'detail-type': 'Object Created'},
    'argo-workflows': {'event-source': 'uploads', 'event': 'created'},
}})
"""
