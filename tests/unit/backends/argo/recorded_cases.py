"""Cases that Argo Events itself has answered: the flows, the events, and where the answers are.

`python -m tests.unit.backends.argo.recorded_cases <oracle>` asks again and rewrites `recorded.json` and
`recorded_filters.json`; `<oracle>` is the program of `oracle/`: `cd oracle && go mod tidy && go build -o oracle .`.
The tests need neither Go nor a network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from metaflow_triggers.backends.argo import backend as argo

from tests.flows import GRAPH, filtered

from .argo_flows import EVERYTHING, SETTINGS, event, finish, flow, from_origin, mapping, optional, required, trigger

RECORDED = Path(__file__).with_name("recorded.json")
FILTERS = Path(__file__).with_name("recorded_filters.json")
"""Patterns and payloads with what AWS's event-ruler answers, beside what the Sensors answer."""
TABLE = Path(__file__).parents[2] / "language" / "filters.json"

HOSTILE_FIELD = '"]]\\ {{x}} .#(é)\n'
HOSTILE_NAME = 'a+b(c|.*"{{x}}\\é'

FLOWS = {
    "everything": EVERYTHING,
    "hostile field": flow(trigger(event("x", mapping("a", HOSTILE_FIELD))), parameters=(required("a"),)),
    "hostile name": flow(trigger(event(HOSTILE_NAME))),
    "nested": flow(trigger(event("x", mapping("a", "b.c.d"))), parameters=(required("a"),)),
    "own keys": flow(trigger(event("x", mapping("a", "name"))), parameters=(required("a"),)),
    "all": flow(
        trigger(event("a", mapping("p", "v")), event("b", mapping("q", "v")), join="all"),
        parameters=(required("p"), optional("q")),
    ),
    "all of three": flow(trigger(*(event(name) for name in "abc"), join="all")),
    "all flows": flow(trigger(finish("Parent", "success", "failure"), finish("Score", project="shop"), join="all")),
    "all, a filter and an origin": flow(
        trigger(
            filtered(event("a"), {"v": [{"numeric": [">", 1]}]}),
            from_origin(event("uploaded"), "minio", "files"),
            join="all",
        )
    ),
    "all and any": flow(
        trigger(event("a"), event("b"), join="all"),
        trigger(finish("Parent", "success", "failure", "timeout", "aborted")),
    ),
    "filtered outcome": flow(
        trigger(filtered(finish("Parent", "failure", "success"), {"outcome": ["success"], "step": [{"exists": False}]}))
    ),
    "origin": flow(
        trigger(
            filtered(
                from_origin(event("uploaded", mapping("key", "notification.key")), "minio", "files"),
                {"notification": {"size": [{"numeric": ["<", 100]}]}},
            )
        ),
        parameters=(required("key"),),
    ),
    "hostile filter": flow(
        trigger(filtered(event("x"), {HOSTILE_FIELD: ['\\(1) ]] "', {"prefix": "a|.*"}, {"suffix": '\\(env)"'}]}))
    ),
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
    "name added by the publisher": {"name": "x", "payload": {"name": "x", "b": 1}, "keys": ["b"]},
    "name given by the user": {"name": "x", "payload": {"name": "x", "b": 1}, "keys": ["b", "name"]},
    "a1": {"name": "a", "id": "a1", "timestamp": 1, "payload": {"v": 1}},
    "a2": {"name": "a", "id": "a2", "timestamp": 3, "payload": {"v": 2}},
    "a without id": {"name": "a", "payload": {"v": 3}},
    "a without field": {"name": "a", "id": "a4", "payload": {}},
    "b1": {"name": "b", "id": "b1", "timestamp": 2, "payload": {"v": 1}},
    "b2": {"name": "b", "id": "b2", "timestamp": 4, "payload": {}},
    "c1": {"name": "c", "id": "c1", "payload": {"deep": [[1, None], {}]}},
    "parent timeout": {
        "name": "metaflow.outcome.parent.timeout",
        "id": "argo-x-1/timeout",
        "payload": {"flow": "Parent", "run_id": "argo-x-1", "outcome": "timeout"},
    },
    "parent aborted": {
        "name": "metaflow.outcome.parent.aborted",
        "id": "argo-x-1/aborted",
        "payload": {"flow": "Parent", "run_id": "argo-x-1", "outcome": "aborted"},
    },
    "filter's text": {"name": "x", "payload": {HOSTILE_FIELD: '\\(1) ]] "'}},
    "filter's prefix": {"name": "x", "payload": {HOSTILE_FIELD: "a|.*b"}},
    "filter's prefix as a pattern": {"name": "x", "payload": {HOSTILE_FIELD: "ab"}},
    "filter's suffix": {"name": "x", "payload": {HOSTILE_FIELD: 'b\\(env)"'}},
}

FOREIGN: dict[str, Any] = {
    "small file": {"notification": {"size": 99, "key": "a/b"}, "passes": "hostile"},
    "large file": {"notification": {"size": 100, "key": "a/b"}},
    "file without key": {"notification": {"size": 1}},
    "not a body": {"body": "text", "notification": {"size": 1, "key": "{{x}}"}},
}
"""Events of an event source that is not ours; all of their data is the payload."""

STREAMS: dict[str, tuple[str, list[str]]] = {
    "a set": ("all", ["a1", "b1"]),
    "a set, the other way": ("all", ["b1", "a1"]),
    "the newest of each": ("all", ["a1", "a2", "b1"]),
    "the newest of each, without id": ("all", ["a1", "a without id", "b1"]),
    "a set is consumed": ("all", ["a1", "b1", "b2", "a2"]),
    "nothing is left over": ("all", ["a1", "b1", "b2"]),
    "a required field is missing": ("all", ["a without field", "b1", "a1"]),
    "a reset forgets": ("all", ["a1", "reset", "b1", "a2"]),
    "three": ("all of three", ["c1", "a1", "b1", "a2", "c1"]),
    "flows": ("all flows", ["success", "project success"]),
    "flows, the newest outcome": ("all flows", ["success", "failure", "project success"]),
    "flows, one success told twice": ("all flows", ["end", "success", "project success", "end", "project success"]),
    "a filter and an origin": ("all, a filter and an origin", ["a1", "small file", "a2", "large file"]),
    "all and any": ("all and any", ["a1", "failure", "b1", "parent timeout", "parent aborted", "success"]),
}


def sensors() -> list[Any]:
    return [argo.manifests(item, GRAPH, None, SETTINGS)[0].content for item in FLOWS.values()]


def events() -> list[Any]:
    """CloudEvents, all with one transport id."""
    ours = [_event({"header": {}, "body": body}) for body in EVENTS.values()]
    return ours + [_event(data, "minio", "files") for data in FOREIGN.values()]


def _event(data: Any, source: str = SETTINGS.argo_event_source, subject: str = SETTINGS.argo_event) -> Any:
    return {"id": "transport-1", "source": source, "subject": subject, "data": data}


def _digest(*of: Any) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def digest() -> str:
    """Of everything that the answers depend on."""
    return _digest(sensors(), events(), STREAMS)


def table() -> list[Any]:
    """Patterns with payloads and the answer of AWS's event-ruler to each."""
    source = TABLE if TABLE.exists() else FILTERS
    return [
        {
            "filter": row["filter"],
            "payloads": [{"payload": one["payload"], "event_ruler": one["event_ruler"]} for one in row["payloads"]],
        }
        for row in json.loads(source.read_text("utf-8"))["patterns"]
    ]


def filter_sensors(rows: list[Any]) -> list[Any]:
    flows = [flow(trigger(filtered(event("x"), row["filter"]))) for row in rows]
    return [argo.manifests(item, GRAPH, None, SETTINGS)[0].content for item in flows]


def filter_digest(rows: list[Any]) -> str:
    """Of everything that the answers about filters depend on."""
    return _digest(filter_sensors(rows), rows)


def _decoded(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    values = [item["value"] for item in answer["spec"]["arguments"]["parameters"]]
    return [answer["metadata"]["name"], *(base64.b64decode(value, validate=True).decode() for value in values)]


def _ask(oracle: str, question: Any) -> Any:
    told = subprocess.run([oracle], input=json.dumps(question), capture_output=True, text=True, check=True).stdout
    return json.loads(told[told.index('{"sensors"') :])


def record(oracle: str) -> None:
    titles = [*EVENTS, *FOREIGN]
    streams = [
        {
            "sensor": list(FLOWS).index(name),
            "events": [step if step == "reset" else titles.index(step) for step in steps],
        }
        for name, steps in STREAMS.values()
    ]
    told = _ask(oracle, {"sensors": sensors(), "events": events(), "streams": streams})
    content = {
        "argo-events": "1.9.11",
        "digest": digest(),
        "answers": {
            name: {
                "verdict": answer["verdict"],
                "events": {
                    title: {dependency: _decoded(item) for dependency, item in row.items()}
                    for title, row in zip(titles, answer["events"], strict=True)
                    if row
                },
            }
            for name, answer in zip(FLOWS, told["sensors"], strict=True)
        },
        "streams": {
            name: [_decoded(item) for item in started] for name, started in zip(STREAMS, told["streams"], strict=True)
        },
    }
    RECORDED.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def record_filters(oracle: str) -> None:
    rows = table()
    answers = []
    for row, sensor in zip(rows, filter_sensors(rows), strict=True):
        bodies = [{"name": "x", "id": "i", "payload": one["payload"]} for one in row["payloads"]]
        asked = [_event({"header": {}, "body": body}) for body in bodies]
        (answer,) = _ask(oracle, {"sensors": [sensor], "events": asked})["sensors"]
        answers.append({"filter": row["filter"], "verdict": answer["verdict"], "payloads": []})
        for one, told in zip(row["payloads"], answer["events"], strict=True):
            errors = [item for item in told.values() if isinstance(item, str)]
            answers[-1]["payloads"].append({**one, "argo_events": errors[0] if errors else bool(told)})
    head = {"argo-events": "1.9.11", "digest": filter_digest(rows)}
    body = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in answers)
    text = json.dumps(head, indent=1)[:-2] + f',\n "patterns": [\n  {body}\n ]\n}}\n'
    FILTERS.write_text(text, "utf-8")


if __name__ == "__main__":
    record_filters(sys.argv[1])
    record(sys.argv[1])
