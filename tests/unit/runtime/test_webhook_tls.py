"""The webhook over TLS: who is trusted, and that nobody else gets event or token."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import metaflow  # noqa: F401 - it imports its extensions, not they it
import pytest
from metaflow_extensions.triggers.plugins import webhook

from tests.worlds.certificates import Authority

from .conftest import Server

TOKEN = "S3CRET-token"
BODY = b'{"name": "e"}'


class TlsServer(Server):
    """One that speaks TLS alone."""

    def __init__(self, folder: Path, certificate: str, key: str) -> None:
        super().__init__()
        (folder / "tls.crt").write_text(certificate)
        (folder / "tls.key").write_text(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls(tmp_path: Path, authority: Authority) -> Iterator[TlsServer]:
    started = TlsServer(tmp_path, *authority.server("127.0.0.1"))
    yield started
    started.close()


def problem(url: str, ca: str) -> webhook.Problem:
    found = webhook.send(url, TOKEN, BODY, ca=ca)
    assert found is not None
    assert TOKEN not in found.why and "\n" not in found.why and "BEGIN" not in found.why
    return found


def test_who_signed_the_certificate_is_trusted_by_its_text_and_by_a_file(
    tls: TlsServer, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "ca.crt"
    file.write_text(authority.certificate)
    several = f"{Authority('another').certificate}{authority.certificate}\n"
    for ca in (authority.certificate, f"\n{authority.certificate}", several, str(file)):
        assert webhook.send(tls.url + "/events", TOKEN, BODY, ca=ca) is None
    assert webhook.send(tls.url.replace("https", "HTTPS"), TOKEN, BODY, ca=authority.certificate) is None
    assert [(request[0], request[3]) for request in tls.requests] == [("POST", BODY)] * 5


def test_nobody_else_is_and_hears_nothing(tls: TlsServer, tmp_path: Path, authority: Authority) -> None:
    for ca in ("", Authority("another").certificate):
        found = problem(tls.url, ca)
        assert found.then == webhook.REFUSED
        assert "certificate is not trusted" in found.why and webhook.CA_VARIABLE in found.why
    elsewhere = problem(tls.url.replace("127.0.0.1", "localhost"), authority.certificate)
    assert elsewhere.then == webhook.REFUSED and "localhost" in elsewhere.why
    assert tls.requests == []


@pytest.mark.parametrize("ca", ["a b\0", "/nowhere/ca.crt", "-----BEGIN CERTIFICATE-----\nS3CRET-token\n"])
def test_what_holds_no_certificate_is_refused_and_not_shown(tls: TlsServer, ca: str) -> None:
    found = problem(tls.url, ca)
    assert found.then == webhook.FINAL and webhook.CA_VARIABLE in found.why and ca not in found.why
    assert tls.requests == []


def test_a_plain_address_needs_no_certificates(server: Server) -> None:
    assert webhook.send(server.url, TOKEN, BODY, ca="/nowhere/ca.crt") is None


def test_plain_http_to_a_server_that_takes_https_is_refused_for_good(server: Server) -> None:
    server.answers = [(400, b"Client sent an HTTP request to an HTTPS server.\n")]
    found = problem(server.url, "")
    assert found.then == webhook.FINAL
    assert "takes https alone" in found.why and webhook.URL_VARIABLE in found.why


def test_https_to_a_server_that_takes_plain_http_may_pass(server: Server) -> None:
    """As while an event source is being replaced by one that has a certificate."""
    found = problem(server.url.replace("http:", "https:"), "")
    assert found.then == webhook.AGAIN and "cannot be reached" in found.why
    assert all(TOKEN not in str(request) for request in server.requests)
