"""The exit handler's program, run as the container runs it, against a real HTTP server."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from metaflow_triggers.backends.argo.compile import outcome_script, workflow_template

FAILURES = [
    {"displayName": "demo", "message": "child 'demo-1' failed", "templateName": "DemoFlow", "phase": "Failed"},
    {"displayName": "b", "message": "later", "templateName": "b", "finishedAt": "2026-01-01T00:00:02Z"},
    {"displayName": "a", "message": 'Error "1" {{x}} é', "templateName": "train", "finishedAt": "2026-01-01T00:00:01Z"},
]


def go_quoted(text: str) -> str:
    """As Go's strconv.Quote writes a text of these characters."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\x7f", "\\x7f") + '"'


def encoded(failures: Any, limit: int = 60000) -> str:
    quoted = go_quoted(json.dumps(failures, ensure_ascii=False)).encode()[:limit]
    return base64.b64encode(quoted).decode()


class _Webhook(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[tuple[str | None, Any]] = []
        self.paths: list[str] = []
        self.failing = 0
        self.failing_at: dict[str, int] = {}
        self.answer = (200, b"success")


class _Handler(BaseHTTPRequestHandler):
    server: _Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.server.answer
        if self.server.failing:
            self.server.failing -= 1
            status = 500
        elif self.server.failing_at.get(self.path):
            self.server.failing_at[self.path] -= 1
            status = 503
        else:
            self.server.bodies.append((self.headers.get("Authorization"), json.loads(body)))
            self.server.paths.append(self.path)
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere?token")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        return None


@pytest.fixture
def webhook() -> Iterator[_Webhook]:
    server = _Webhook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def run(url: str, status: str, failures: str = "", project: str | None = None, **more: str) -> str:
    about = {"flow": "DemoFlow", "project": project, "branch": "prod" if project else None, "template": "demoflow"}
    environment = {
        "PATH": os.environ["PATH"],
        "METAFLOW_TRIGGERS_OUTCOME": json.dumps(about),
        "METAFLOW_TRIGGERS_WORKFLOW": "demoflow-x1",
        "METAFLOW_TRIGGERS_STATUS": status,
        "METAFLOW_TRIGGERS_FAILURES": failures,
        "METAFLOW_TRIGGERS_WEBHOOK_URL": url,
        "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": "token",
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL": url,
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN": "token",
        "METAFLOW_TRIGGERS_OUTCOME_WAIT": "0.01",
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", workflow_template.script()], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_success(webhook: _Webhook) -> None:
    run(f"http://127.0.0.1:{webhook.server_port}/events", "Succeeded", encoded(None), project="shop")
    ((authorization, body),) = webhook.bodies
    assert authorization == "Bearer token"
    assert isinstance(body.pop("timestamp"), int)
    payload = {
        "flow": "DemoFlow",
        "run_id": "argo-demoflow-x1",
        "outcome": "success",
        "project": "shop",
        "branch": "prod",
    }
    assert body == {
        "name": "metaflow.outcome.demoflow.success",
        "id": "argo-demoflow-x1/success",
        "payload": payload,
        "keys": sorted(payload),
    }


def test_failure_tells_step_and_error_and_survives_a_busy_webhook(webhook: _Webhook) -> None:
    webhook.failing = 3
    out = run(f"http://127.0.0.1:{webhook.server_port}/events", "Failed", encoded(FAILURES))
    assert out.startswith("published")
    ((_, body),) = webhook.bodies
    assert body["name"] == "metaflow.outcome.demoflow.failure"
    assert body["payload"] == {
        "flow": "DemoFlow",
        "run_id": "argo-demoflow-x1",
        "outcome": "failure",
        "step": "train",
        "error": 'Error "1" {{x}} é',
    }


def test_it_is_told_with_its_proof_and_then_where_all_events_go(webhook: _Webhook) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}"
    more = {
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL": f"{url}/outcomes",
        "METAFLOW_TRIGGERS_WEBHOOK_URL": f"{url}/events",
    }
    out = run(url, "Succeeded", **more, METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN="proof\n")
    assert out == "published metaflow.outcome.demoflow.success argo-demoflow-x1/success\n"
    (first, body), (second, same) = webhook.bodies
    assert (first, second, webhook.paths) == ("Bearer proof", "Bearer token", ["/outcomes", "/events"])
    assert body == same  # the same bytes, so that a Workflow which both start is patched with what it has


def test_what_is_lost_at_one_place_is_told_at_the_other(webhook: _Webhook) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/events"
    out = run(url, "Succeeded", METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL="nonsense")
    assert "outcome lost: " in out and "published" not in out and len(out.splitlines()) == 1
    assert len(webhook.bodies) == 1


def test_each_place_has_all_its_tries(webhook: _Webhook) -> None:
    """It is published when both have it: what one accepted is not sent there again while the other one is asked."""
    url = f"http://127.0.0.1:{webhook.server_port}"
    webhook.failing_at = {"/outcomes": 6, "/events": 6}
    more = {"METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL": f"{url}/outcomes"}
    out = run(f"{url}/events", "Succeeded", **more)
    assert out.startswith("published") and sorted(webhook.paths) == ["/events", "/outcomes"]
    webhook.failing_at = {"/outcomes": 7}
    out = run(f"{url}/events", "Succeeded", **more)
    assert "outcome lost" in out and "published" not in out
    assert webhook.paths[2:] == ["/events"]


def test_where_nobody_takes_it_it_is_not_told(webhook: _Webhook) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/outcomes"
    out = run("", "Succeeded", METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL=url)
    assert out.startswith("published") and webhook.paths == ["/outcomes"]


def test_a_redirect_and_another_ones_answer_are_no_success(webhook: _Webhook) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/events"
    webhook.answer = (302, b"")
    out = run(url, "Succeeded", METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN="s3cret")
    assert "outcome lost" in out and "a redirect to http://127.0.0.1:1/elsewhere." in out and "s3cret" not in out
    assert len(webhook.bodies) == 1  # tried once
    webhook.answer = (202, b"queued s3cret")
    out = run(url, "Succeeded", METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN="s3cret\n")
    assert "outcome lost" in out and "`queued ***`" in out
    assert run(url, "Succeeded", METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED="202").startswith("published")


def test_a_token_that_no_header_takes_is_not_in_the_log(webhook: _Webhook) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/events"
    out = run(url, "Succeeded", METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN="s3cret\nmore")
    assert "outcome lost" in out and "s3cret" not in out
    assert webhook.bodies == []


def test_a_lost_outcome_is_one_line_and_no_failure(webhook: _Webhook) -> None:
    url = f"http://127.0.0.1:{webhook.server_port}/events"
    webhook.failing = 100
    out = run(url, "Succeeded")
    assert out.count("\n") == 1
    assert "outcome lost" in out
    assert "argo-demoflow-x1/success" in out
    assert "outcome lost" in run("not a url", "Failed", "not base64")
    assert run("", "Succeeded").count("\n") == 1


def test_a_cut_text_gives_what_came_before_the_cut() -> None:
    whole = outcome_script.read_failures(encoded(FAILURES))
    assert [item["message"] for item in whole] == [item["message"] for item in FAILURES]
    for limit in range(0, len(go_quoted(json.dumps(FAILURES, ensure_ascii=False)).encode())):
        found = outcome_script.read_failures(encoded(FAILURES, limit))
        assert found == whole[: len(found)]


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        (r'"a\"b\\c\n\t"', 'a"b\\c\n\t'),
        (r'"\x7f\u00e9\U0001f600\a\v"', "\x7fé\U0001f600\a\v"),
        ("plain", "plain"),
        ('"cut\\', "cut\\"),
        ('"', ""),
        ("", ""),
    ],
)
def test_go_string_literals(quoted: str, text: str) -> None:
    assert outcome_script.unquote(quoted) == text


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("workflow shutdown with strategy:  Stop", "aborted"),
        ("Step exceeded its deadline", "timeout"),
        ("Pod was active on the node longer than the specified deadline", "failure"),
        ("Error (exit code 1)", "failure"),
    ],
)
def test_outcomes(message: str, outcome: str) -> None:
    assert outcome_script.describe("Failed", [{"message": message, "templateName": "t"}])[0] == outcome
    assert outcome_script.describe("Error", [])[0] == "failure"
