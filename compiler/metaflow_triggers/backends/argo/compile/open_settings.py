"""Open settings: what the objects leave open.

In:   manifests, settings.
Out:  for each setting without a value the text that stands for it (`model.settings.open_setting`); for others, whose
      default a cluster may not have, that default.

Not here: what `create` says of them (`deploy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .... import seams
from ....model.settings import OPEN_PREFIX, OPEN_SUFFIX, Settings, open_setting
from ...default_image import default_image
from ...shape import Manifest, Open

SETTINGS = {
    "DatastoreBucket": "METAFLOW_DATASTORE_SYSROOT_S3",
    "DatastorePrefix": "METAFLOW_DATASTORE_SYSROOT_S3",
    "WebhookUrl": "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL",
    "OutcomeWebhookUrl": "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL",
}
"""By name of an open text, what a user sets."""
_NAMESPACE, _SECRETS = "KUBERNETES_NAMESPACE", ("TRIGGERS_WEBHOOK_SECRET", "TRIGGERS_OUTCOME_SECRET")


def placeholders(text: str) -> list[str]:
    """Names of open settings in a text, each once."""
    found = [piece.partition(OPEN_SUFFIX)[0] for piece in text.split(OPEN_PREFIX)[1:] if OPEN_SUFFIX in piece]
    return sorted({name for name in found if name.replace("_", "").isalnum()})


def open_settings(manifests: Iterable[Manifest], settings: Settings) -> list[Open]:
    """Of each setting once, in these manifests. Secrets of the webhooks count where a Sensor is: a flow that nothing
    starts names them too, and runs without them."""
    manifests = list(manifests)
    found: dict[str, Open] = {}
    for name in placeholders("\n".join(map(_text, manifests))):
        if name in SETTINGS:
            found.setdefault(SETTINGS[name], Open(SETTINGS[name], f"the text `{open_setting(name)}`"))
    values = {_NAMESPACE: settings.kubernetes_namespace}
    if any(manifest.content.get("kind") == "Sensor" for manifest in manifests):
        values |= dict(zip(_SECRETS, (settings.argo_webhook_secret, settings.argo_outcome_secret), strict=True))
    defaults = [
        Open(f"METAFLOW_{name}", f"`{value}`", value)
        for name, value in values.items()
        if seams.configured(name) is None
    ]
    return [*found.values(), *default_image(_images(manifests)), *defaults]


def _images(manifests: Iterable[Manifest]) -> Iterator[str]:
    """Of the steps of flows. A poller has that of its flow's first step."""
    for manifest in manifests:
        if manifest.content.get("kind") != "WorkflowTemplate":
            continue
        for template in manifest.content["spec"]["templates"]:
            if "image" in template.get("container", {}):
                yield template["container"]["image"]


def _text(manifest: Manifest) -> str:
    return "\n".join(_strings(manifest.content)) if manifest.text is None else manifest.text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
