"""Document: the trigger document in the flow's datastore.

In:   a Metaflow flow datastore, a run id.
Out:  the document, or None where the run has none; or the document written.

Not here: what stands in it (`docs/architecture.md`). It lies at `<datastore root>/<FlowName>/_triggers/<run id>.json`.
An event in it may be a reference (`uri`): a set of several does not fit through a state machine. It is read from
`_triggers/events` beside the document.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from ..contract.exact_json import dumps, loads
from ..contract.trigger_document import VERSION
from ..contract.words import TRIGGERS_FOLDER


def _storage(flow_datastore: Any) -> Any:
    from metaflow.plugins import DATASTORES

    implementation = next(item for item in DATASTORES if item.TYPE == flow_datastore.TYPE)
    return implementation(flow_datastore.datastore_root)


def _path(storage: Any, flow_name: str, run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", run_id):
        raise ValueError(f"not a run id: {run_id!r}")
    return str(storage.path_join(flow_name, TRIGGERS_FOLDER, f"{run_id}.json"))


def read(flow_datastore: Any, flow_name: str, run_id: str) -> dict[str, Any] | None:
    """The run's document, or None. Raises ValueError if what lies there is not a document."""
    storage = _storage(flow_datastore)
    content = _content(storage, _path(storage, flow_name, run_id))
    if content is None:
        return None
    document = parse(content, run_id)
    document["events"] = [_resolved(storage, flow_name, item) for item in document.get("events") or []]
    return document


def _content(storage: Any, path: str) -> bytes | None:
    with storage.load_bytes([path]) as loaded:
        for _, local, _ in loaded:
            if local is None:
                return None
            with open(local, "rb") as file:
                return file.read()
    return None


def _resolved(storage: Any, flow_name: str, item: dict[str, Any]) -> dict[str, Any]:
    uri = item.get("uri")
    if uri is None:
        return item
    # Only the name counts: a document cannot make a task read anything but this flow's events.
    found = re.search(rf"/{TRIGGERS_FOLDER}/events/([0-9a-f]{{64}}\.json)\Z", str(uri))
    if found is None:
        raise ValueError(f"not a reference to an event: {uri!r}")
    content = _content(storage, str(storage.path_join(flow_name, TRIGGERS_FOLDER, "events", found[1])))
    if content is None:
        raise ValueError(f"an event of the run is not in the datastore: {uri}")
    return {"transport": item.get("transport"), "event": loads(content)}


def parse(content: bytes | str, where: str = "it") -> dict[str, Any]:
    """The document of a JSON text, also of JSON text inside a JSON string. Raises ValueError for anything else."""
    document = loads(content)
    if isinstance(document, str):
        document = loads(document)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError(f"{where} is not a trigger document of version {VERSION}")
    return document


def write(flow_datastore: Any, flow_name: str, run_id: str, document: dict[str, Any]) -> None:
    """Store the run's document. A document that is there already stays."""
    storage = _storage(flow_datastore)
    content = BytesIO(dumps(document).encode("utf-8", "surrogatepass"))
    storage.save_bytes([(_path(storage, flow_name, run_id), content)], overwrite=False, len_hint=1)
