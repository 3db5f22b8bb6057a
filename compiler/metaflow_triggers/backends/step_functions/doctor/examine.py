"""Examine: all that a deployment to this account needs, in the order in which one question depends on another.

In:   settings, flows, a maker of clients.
Out:  findings.

Not here: how a thing is asked for (`things`, `roles`, `rights`, `pollers`). What cannot be asked without credentials is
listed as not asked, so that nobody takes silence for an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ....doctor.findings import Finding, lacking, not_asked
from ....model.flows import Flow
from ....model.settings import Settings
from ...setting_forms import mistakes
from ..compile.setting_forms import FORMS, OF_ALARMS, OF_LOGS, OF_WHAT_IS_KEPT
from ..deploy.calls import Clients
from . import named_by_flows, pollers, rights, roles, things
from .alarms import TOPIC
from .alarms import questions as of_alarms
from .asking import CREDENTIALS, each
from .identity import account


def examine(
    settings: Settings,
    flows: Sequence[Flow],
    make_client: Callable[[str], Any] | None = None,
    polled: Sequence[Flow] = (),
) -> Iterator[Finding]:
    """Every thing, each once. `polled` are those of the flows that poll triggers start."""
    forms = (*FORMS, *OF_WHAT_IS_KEPT, *OF_LOGS, *OF_ALARMS)
    wrong: set[str] = set()
    for form in forms:
        for told in mistakes(settings, [form]):
            wrong.add(form.field)
            yield lacking(form.setting, told.message, *told.helps, code=told.code)
    found, who = account(Clients(make_client))
    yield from found
    if who is None:
        yield from _without_account(settings, frozenset(wrong))
        return
    yield from each(things.questions(settings, who, flows, frozenset(wrong)))
    yield from each(named_by_flows.questions(settings, flows, who))
    if settings.alarm_topic is not None and "alarm_topic" not in wrong:
        yield from each(of_alarms(settings.alarm_topic, flows, who))
    yield from rights.rights(settings, flows, who, polled)
    yield from pollers.pollers(settings, polled, who)


def _without_account(settings: Settings, wrong: frozenset[str]) -> Iterator[Finding]:
    """What is not even set, and what would have been asked about."""
    if "datastore_s3" not in wrong:
        yield things.unset_bucket() if settings.datastore_s3 is None else not_asked(things.BUCKET, CREDENTIALS)
    yield things.unset_queue() if settings.batch_job_queue is None else not_asked(things.QUEUE, CREDENTIALS)
    for role in roles.wanted(settings, wrong):
        given = getattr(settings, role.field) is not None
        yield not_asked(role.thing, CREDENTIALS) if given else roles.without(role)
    if settings.event_bus != "default" and "event_bus" not in wrong:
        yield not_asked(things.BUS, CREDENTIALS)
    for field, thing in (
        ("kms_key", things.KEY),
        ("log_group", things.LOG_GROUP),
        ("alarm_topic", TOPIC),
        ("dynamo_db_table", things.TABLE),
    ):
        if getattr(settings, field) is not None and field not in wrong:
            yield not_asked(thing, CREDENTIALS)
    yield not_asked("rights", CREDENTIALS)
