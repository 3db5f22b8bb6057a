"""A setting whose value its backend cannot take is refused before anything is made of it (FT017)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metaflow_triggers.backends import setting_forms
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile.setting_forms import FORMS as OF_ARGO
from metaflow_triggers.backends.setting_forms import Form
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile.setting_forms import FORMS as OF_STEP_FUNCTIONS
from metaflow_triggers.graph.link import link

from .argo.argo_flows import EVERYTHING, SETTINGS

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/b"
QUEUE = "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
ROLE = "arn:aws:iam::123456789012:role/a/path/name"
# Field: what is taken, what is not.
VALUES: dict[str, tuple[list[str], list[str]]] = {
    "datastore_s3": (["s3://bucket", "s3://my.bucket/a/b"], ["/tmp/x", "bucket/prefix", "s3://", "S3://bucket"]),
    "event_bus": (
        ["default", "team/orders", "arn:aws:events:eu-west-1:123456789012:event-bus/b"],
        ["a bus", "", "a:b"],
    ),
    "event_source": (["metaflow", "com.example/orders"], ["aws.s3", "a" * 257, ""]),
    "batch_platform": (["EC2", "FARGATE"], ["fargate", "EKS", ""]),
    "batch_job_queue": (
        ["queue", "a_B-1", QUEUE],
        ["a queue", "queue ", "a/b", "", "q" * 129, f"{QUEUE}/x", QUEUE.replace(":batch:", ":sqs:"), "arn:queue"],
    ),
    "kubernetes_namespace": (["default", "a-1"], ["Bad_Ns", "a.b", "-a", "a" * 64]),
    "argo_event": (["metaflow-event", "a_B-1"], ["a b", "a/b", "a.b", ""]),
    "project_id": (["shop", "a", "data.shop-1_x", "a" * 63], ["Shop", "a b", "-a", "a-", "a/b", "", "a" * 64, "ä"]),
    "argo_event_source": (["webhook", "a-1"], ["a.b", "A", "1a", "a" * 48]),
}
NAMES = (["metaflow-triggers", "a.b-1"], ["Name", "a_b", "a/b", "a b", ".a", "a" * 254])
VALUES |= dict.fromkeys(("argo_sensor_namespace",), VALUES["kubernetes_namespace"])
VALUES |= dict.fromkeys(("argo_outcome_event",), VALUES["argo_event"])
VALUES |= dict.fromkeys(("argo_outcome_event_source",), VALUES["argo_event_source"])
BY_FIELD = {form.field: form for form in (*OF_ARGO, *OF_STEP_FUNCTIONS)}


def values_of(field: str) -> tuple[list[str], list[str]]:
    if field.endswith("_role"):
        refused = [
            "role",
            "arn:aws:iam::123456789012:user/u",
            f"{ROLE} ",
            "arn:aws:iam::1:role/a b",
            "arn:aws:iam::1:role/",
        ]
        return [ROLE, "arn:aws-cn:iam::123456789012:role/r", "arn:aws:iam::1:role/a+b=c,d.e@f-g_h"], refused
    return VALUES.get(field, NAMES)


@pytest.mark.parametrize("form", BY_FIELD.values(), ids=lambda form: form.field)
def test_what_is_taken_and_what_is_not(form: Form) -> None:
    taken, refused = values_of(form.field)
    for value in taken:
        assert not list(setting_forms.mistakes(replace(SETTINGS, **{form.field: value}), [form])), value
    for value in refused:
        (found,) = setting_forms.mistakes(replace(SETTINGS, **{form.field: value}), [form])
        assert found.code == "FT017" and found.message.startswith(form.setting) and found.helps, value
        assert (value in found.message) is form.shown or not value


@pytest.mark.parametrize(
    ("backend", "field"), [(argo, "kubernetes_namespace"), (step_functions, "event_bus")], ids=["argo", "aws"]
)
def test_each_backend_asks_its_own(backend: object, field: str) -> None:
    of_all = backend.refusals(
        EVERYTHING, link([EVERYTHING]), replace(SETTINGS, kubernetes_namespace="Bad_Ns", event_bus="a bus")
    )  # type: ignore[attr-defined]
    said = [item.message for item in of_all if item.code == "FT017"]
    assert len(said) == 1 and said[0].startswith(BY_FIELD[field].setting)


def test_what_is_taken_from_another_setting_is_told_once() -> None:
    settings = replace(SETTINGS, kubernetes_namespace="Bad_Ns", argo_sensor_namespace="Bad_Ns")
    (found,) = setting_forms.mistakes(settings, OF_ARGO)
    assert found.message.startswith("METAFLOW_KUBERNETES_NAMESPACE is ")


@pytest.mark.parametrize("field", ["argo_webhook_url", "argo_outcome_webhook_url"])
@pytest.mark.parametrize("url", ["http://user:secret@events/", "ftp://events/", "events:12000"])
def test_the_address_of_a_webhook_holds_no_password_and_is_not_shown(field: str, url: str) -> None:
    told = argo.refusals(EVERYTHING, link([EVERYTHING]), replace(SETTINGS, **{field: url}))
    (found,) = [item for item in told if item.code == "FT017"]
    assert found.message.startswith("METAFLOW_") and "WEBHOOK_URL" in found.message and url not in found.message
