"""The webhook: what counts as accepted, and that the token goes to one place and into no message."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from urllib.parse import quote

import metaflow  # noqa: F401 - it imports its extensions, not they it
import pytest
from metaflow_extensions.triggers.plugins import webhook

from .conftest import Server

TOKEN = "S3CRET-token/with+signs"
BODY = b'{"name": "e"}'


@pytest.fixture
def other() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def problem(url: str, token: str = TOKEN, accepted: str = "") -> webhook.Problem:
    found = webhook.send(url, token, BODY, accepted)
    assert found is not None
    assert TOKEN not in found.why and "\n" not in found.why
    return found


def test_the_event_sources_own_answer_is_accepted(server):
    assert webhook.send(server.url + "/events", TOKEN, BODY) is None
    ((method, path, headers, body),) = server.requests
    assert (method, path, headers["Authorization"], body) == ("POST", "/events", f"Bearer {TOKEN}", BODY)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_is_refused_for_good_and_the_other_host_hears_nothing(server, other, status):
    server.answers = [(status, b"")]
    there = f"localhost:{other.url.rpartition(':')[2]}/login"
    server.location = f"http://name:{quote(TOKEN, safe='')}@{there}?token={TOKEN}#{TOKEN}"
    found = problem(server.url)
    assert found.then == webhook.FINAL
    assert f"HTTP {status}" in found.why
    assert f"a redirect to http://{there}." in found.why
    assert len(server.requests) == 1 and other.requests == []


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/else", "{url}/else."),
        (None, "nowhere."),
        ("https://gateway.example/events/", "https://gateway.example/events/."),
        ("http://[::1/x", "something that is no http address."),
        (f"http://name:{TOKEN}@localhost/", "something that is no http address."),
        ("file:///etc/hosts", "something that is no http address."),
        (f"/hooks/{TOKEN.replace('+', '%2B')}", "{url}/hooks/***."),
    ],
)
def test_the_target_of_a_redirect_is_named(server, location, shown):
    server.answers, server.location = [(307, b"")], location
    assert shown.format(url=server.url) in problem(server.url + "/events").why


@pytest.mark.parametrize(
    ("status", "body", "then"),
    [
        (200, b"", webhook.FINAL),
        (200, b"OK", webhook.FINAL),
        (200, b"success\n", webhook.FINAL),
        (200, b"<html>\nlog in: S3CRET-token/with+signs</html>", webhook.FINAL),
        (202, b"success", webhook.FINAL),
        (204, b"", webhook.FINAL),
        (400, b"http method does not match", webhook.REFUSED),
        (400, b"endpoint is inactive", webhook.AGAIN),
        (401, b"Invalid Auth token", webhook.REFUSED),
        (403, b"", webhook.REFUSED),
        (404, b"404 page not found", webhook.AGAIN),
        (413, b"", webhook.REFUSED),
        (429, b"", webhook.AGAIN),
        (500, b"failed to record event", webhook.AGAIN),
        (503, b"", webhook.AGAIN),
    ],
)
def test_other_answers_are_none_of_an_accepted_event(server, status, body, then):
    server.answers = [(status, body)]
    found = problem(server.url)
    assert found.then == then
    assert f"HTTP {status}" in found.why


def test_a_gateway_may_answer_otherwise_where_the_setting_says_so(server):
    server.answers = [(202, b"queued")]
    assert webhook.send(server.url, TOKEN, BODY, "200, 202") is None
    assert problem(server.url, accepted="200").then == webhook.FINAL
    server.answers = [(302, b"")]
    assert problem(server.url, accepted="200,202").then == webhook.FINAL
    for text in ("302", "2xx", "200;202", "20", "200,"):
        found = problem(server.url, accepted=text)
        assert found.then == webhook.FINAL and webhook.ACCEPTED_VARIABLE in found.why


def test_the_token_is_stripped_and_an_empty_one_is_none(server):
    for token, sent in ((f" {TOKEN}\r\n", f"Bearer {TOKEN}"), ("two words\n", "Bearer two words"), ("\n", None)):
        assert webhook.send(server.url, token, BODY) is None
        assert server.requests[-1][2].get("Authorization") == sent


@pytest.mark.parametrize("end", ["\nmore", "\r\nX-Other: 1", "\u20ac", "\xe9", "\0"])
def test_a_token_that_no_header_takes_is_refused_and_not_shown(server, end):
    found = problem(server.url, TOKEN + end)
    assert found.then == webhook.FINAL and webhook.TOKEN_VARIABLE in found.why
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://name:{TOKEN}@127.0.0.1:1/events",
        f"ftp://127.0.0.1/{TOKEN}",
        f"file:///etc/hosts?{TOKEN}",
        f"http://127.0.0.1:{TOKEN}/events",
        f"http://127.0.0.1:99999999/{TOKEN}",
        f"http://127.0.0.1:0/{TOKEN}",
        f"http://127.0.0.1/a b{TOKEN}",
        f"http://127.0.0.1/\u20ac{TOKEN}",
        f"http://[::1/{TOKEN}",
        f"http:///{TOKEN}",
        f"http://a..b/{TOKEN}",
        TOKEN,
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(url):
    found = problem(url)
    assert found.then == webhook.FINAL and webhook.URL_VARIABLE in found.why


def test_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        found = problem(f"http://127.0.0.1:{held.getsockname()[1]}/{TOKEN}")
    assert found.then == webhook.AGAIN and "cannot be reached" in found.why


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsucc"])
def test_an_answer_that_breaks_off_is_a_fault_that_passes(answer):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as broken:
        threading.Thread(target=broken.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        found = problem(f"http://127.0.0.1:{broken.server_address[1]}/events")
        broken.shutdown()
    assert found.then == webhook.AGAIN and "cannot be reached" in found.why
