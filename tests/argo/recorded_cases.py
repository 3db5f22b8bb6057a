"""Cases that Argo Events itself has answered: the flows, the events, and where the answers are.

`python -m argo.recorded_cases <oracle>` (from tests/) asks again and rewrites `recorded.json`; `<oracle>` is the
program of `oracle/`: `cd oracle && go mod tidy && go build -o oracle .`. The tests need neither Go nor a network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from metaflow_triggers.backends import argo

from .argo_flows import EVERYTHING, GRAPH, SETTINGS, event, flow, mapping, required, trigger

RECORDED = Path(__file__).with_name("recorded.json")

HOSTILE_FIELD = '"]]\\ {{x}} .#(é)\n'
HOSTILE_NAME = 'a+b(c|.*"{{x}}\\é'

FLOWS = {
    "everything": EVERYTHING,
    "hostile field": flow(trigger(event("x", mapping("a", HOSTILE_FIELD))), parameters=(required("a"),)),
    "hostile name": flow(trigger(event(HOSTILE_NAME))),
    "nested": flow(trigger(event("x", mapping("a", "b.c.d"))), parameters=(required("a"),)),
}

EXACT = '{"order":{"id":12345678901234567890123},"x":"{{workflow.name}} $(x) `y` \\u00e9"}'

EVENTS: dict[str, Any] = {
    "ours": {
        "name": "user.signup",
        "id": "abc",
        "timestamp": 1,
        "payload": json.loads(EXACT),
        "payload_base64": base64.b64encode(EXACT.encode()).decode(),
        "keys": ["order", "x"],
    },
    "ours again": {
        "name": "user.signup",
        "id": "abc",
        "timestamp": 1,
        "payload": json.loads(EXACT),
        "payload_base64": base64.b64encode(EXACT.encode()).decode(),
        "keys": ["order", "x"],
    },
    "large": {
        "name": "other",
        "id": "big",
        "payload": {"x": "y" * 1000},
        "payload_base64": base64.b64encode(json.dumps({"x": "y" * 1000}).encode()).decode(),
    },
    "without id": {"name": "user.signup", "payload": {"order.id": 5, "z": "{{workflow.name}}"}},
    "id is a number": {"name": "user.signup", "id": 12345678901234567890, "payload": {"order": {"id": False}}},
    "id is empty": {"name": "user.signup", "id": "", "payload": {"order": {"id": ""}}},
    "name differs at the dot": {"name": "userXsignup", "id": "a", "payload": {"order": {"id": 1}}},
    "name and a newline": {"name": "user.signup\n", "id": "a", "payload": {"order": {"id": 1}}},
    "name inside the payload": {"payload": {"name": "user.signup", "order": {"id": 1}}},
    "required is null": {"name": "user.signup", "id": "a", "payload": {"order": {"id": None}}},
    "required is missing": {"name": "user.signup", "payload": {}},
    "payload is missing": {"name": "other", "id": "a"},
    "payload is a list": {"name": "other", "payload": [1]},
    "payload_base64 is a tag": {"name": "other", "id": "a", "payload_base64": "{{workflow.name}}"},
    "body is a list": [1],
    "success": {
        "name": "metaflow.outcome.parent.success",
        "id": "argo-x-1/success",
        "timestamp": 9,
        "payload": {"flow": "Parent", "run_id": "argo-x-1", "outcome": "success"},
    },
    "end": {
        "name": "metaflow.Parent.end",
        "payload": {
            "name": "metaflow.Parent.end",
            "id": "Parent/argo-x-1/end/t",
            "run_id": "argo-x-1",
            "auto-generated-by-metaflow": "True",
        },
    },
    "end by hand": {"name": "metaflow.Parent.end", "payload": {"run_id": "argo-x-1"}},
    "failure": {
        "name": "metaflow.outcome.parent.failure",
        "id": "argo-x-1/failure",
        "payload": {"flow": "Parent", "run_id": "argo-x-1", "outcome": "failure", "error": "{{x}}"},
    },
    "project success": {
        "name": "metaflow.outcome.shop.user.tester.score.success",
        "payload": {"run_id": "argo-y"},
    },
    "project end": {
        "name": "metaflow.shop.user.tester.Score.end",
        "payload": {"run_id": "argo-y", "auto-generated-by-metaflow": True},
    },
    "hostile field": {"name": "x", "payload": {HOSTILE_FIELD: 0}},
    "hostile field, its nested reading": {"name": "x", "payload": {'"]]\\ {{x}} ': {"#(é)\n": 0}}},
    "hostile name": {"name": HOSTILE_NAME},
    "hostile name as a pattern": {"name": "aab(c"},
    "nested": {"name": "x", "payload": {"b": {"c": {"d": []}}}},
    "nested with dots": {"name": "x", "payload": {"b.c": {"d": 0}}},
    "nested with other dots": {"name": "x", "payload": {"b": {"c.d": 0}}},
    "nested is null": {"name": "x", "payload": {"b": {"c": {"d": None}}}},
    "nested in a text": {"name": "x", "payload": {"b": {"c": "d"}}},
}


def sensors() -> list[Any]:
    return [argo.manifests(item, GRAPH, None, SETTINGS)[0].content for item in FLOWS.values()]


def digest() -> str:
    """Of everything that the answers depend on."""
    return hashlib.sha256(json.dumps([sensors(), EVENTS], sort_keys=True).encode()).hexdigest()


def _decoded(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    values = [item["value"] for item in answer["spec"]["arguments"]["parameters"]]
    return [answer["metadata"]["name"], *(base64.b64decode(value, validate=True).decode() for value in values)]


def record(oracle: str) -> None:
    events = [{"id": "transport-1", "data": {"header": {}, "body": body}} for body in EVENTS.values()]
    question = json.dumps({"sensors": sensors(), "events": events})
    told = subprocess.run([oracle], input=question, capture_output=True, text=True, check=True).stdout
    answers = json.loads(told[told.index("[{") :])
    content = {
        "argo-events": "1.9.11",
        "digest": digest(),
        "answers": {
            name: {
                "verdict": answer["verdict"],
                "events": {
                    title: {dependency: _decoded(item) for dependency, item in row.items()}
                    for title, row in zip(EVENTS, answer["events"], strict=True)
                    if row
                },
            }
            for name, answer in zip(FLOWS, answers, strict=True)
        },
    }
    RECORDED.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    record(sys.argv[1])
