"""API: requests to the Kubernetes API from inside a pod.

In:   the pod's environment and service account, or an address.
Out:  (status, JSON object); OSError where there was no answer, so that nobody knows whether it has happened.

Not here: what is asked for. One connection for each thread, kept open: a poller asks all day long.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ADDRESS_VARIABLE = "METAFLOW_TRIGGERS_KUBERNETES_URL"
"""Another address than the cluster's own, for tests."""

_TOKEN_SECONDS = 60.0


class Api:
    """Requests of one pod. Threads may share it."""

    def __init__(self, address: str = "", service_account: str = SERVICE_ACCOUNT, timeout: float = 10.0) -> None:
        self._url = urlsplit(address or os.environ.get(ADDRESS_VARIABLE) or _in_cluster())
        self._folder = service_account
        self._timeout = timeout
        self._mine = threading.local()
        self._token: tuple[float, str] = (0.0, "")

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Read an object."""
        return self.request("GET", path)

    def create(self, path: str, item: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Make an object; 409 where one of its name is there."""
        return self.request("POST", path, item)

    def replace(self, path: str, item: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Write an object; 409 where it has another `resourceVersion` by now."""
        return self.request("PUT", path, item)

    def request(self, method: str, path: str, item: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """One request. A connection that was closed while nobody used it is opened anew, for reading only."""
        body = None if item is None else json.dumps(item).encode()
        headers = {"Accept": "application/json", "User-Agent": "metaflow-triggers-poller"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        token = self._bearer()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        while True:
            kept: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
            connection = kept or self._opened()
            self._mine.connection = connection
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._mine.connection = None
                connection.close()
                if kept is not None and method == "GET":
                    continue
                raise OSError(f"{method} {path}: {type(error).__name__}: {error}") from error
            try:
                told = json.loads(text)
            except ValueError:
                told = None
            return answer.status, told if isinstance(told, dict) else {"message": text[:200].decode("utf-8", "replace")}

    def _opened(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme != "https":
            return http.client.HTTPConnection(host, self._url.port or 80, timeout=self._timeout)
        authority = os.path.join(self._folder, "ca.crt")
        context = ssl.create_default_context(cafile=authority if os.path.exists(authority) else None)
        return http.client.HTTPSConnection(host, self._url.port or 443, timeout=self._timeout, context=context)

    def _bearer(self) -> str:
        read_at, token = self._token
        now = time.monotonic()
        if not token or now - read_at > _TOKEN_SECONDS:  # the kubelet renews it
            path = os.path.join(self._folder, "token")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    token = file.read().strip()
            self._token = (now, token)
        return token


def _in_cluster() -> str:
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"


def said(status: int, told: dict[str, Any]) -> str:
    """An answer that is a refusal, in words."""
    return f"HTTP {status}: {told.get('message') or told.get('reason') or 'no reason given'}"
