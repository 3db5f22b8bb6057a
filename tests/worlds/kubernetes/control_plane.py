"""Control plane: etcd and Kubernetes' API server, on 127.0.0.1, with Argo's kinds and the namespaces of the tests.

In:   what `installation` has built.
Out:  its address, the token of somebody who may do everything, and requests with it.

Not here: what is asked. The data lie on a memory disk. The processes end when this one does, however it ends; what one
that was killed has left on the disk, the next removes.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..argo.kubernetes_access import ARGO
from ..argo.kubernetes_stand_in import PLURALS
from ..certificates import Authority
from .installation import installed
from .network import GATEWAY

NAMESPACES = ("flows", "events", "elsewhere", "argo", "other", "runs", "sensors", "default")
"""Those that tests use. A real server makes none by itself."""

FILLED = "etcd"
"""Of what is installed: the data of an etcd with namespaces and Argo's kinds. To define these takes five times as long
as to start with them: for each one the server describes all of them anew."""

_MEMORY = Path("/dev/shm")
_PREFIX = "metaflow-triggers-cluster-"
_PATIENCE = 120.0


class CannotStart(Exception):
    """One line: what does not start, and why."""


class ControlPlane:
    """`with ControlPlane() as plane:` `plane.request(...)`. `port` is the API server's; 0: any that is free."""

    def __init__(self, port: int = 0, folder: Path | None = None, accounts: bool = False) -> None:
        """`accounts`: that a pod has a ServiceAccount, and its token, is seen to, as a cluster does it. The
        controllers must run then."""
        self._folder = folder or installed()
        self._accounts = accounts
        self._wanted_port = port
        self._processes: list[subprocess.Popen[bytes]] = []
        self.token = secrets.token_hex(16)
        self.starting: dict[str, float] = {}
        """Seconds of each step of the start."""

    def __enter__(self) -> ControlPlane:
        _sweep()
        place = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        self.place = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        for process in reversed(self._processes):
            process.kill()  # what it keeps goes as well, and an API server that is asked to end waits for who watches
            process.wait()
        self._processes.clear()
        shutil.rmtree(self.place, ignore_errors=True)

    @property
    def pids(self) -> dict[str, int]:
        return {str(process.args[1]): process.pid for process in self._processes}  # type: ignore[index]

    def _start(self) -> None:
        clients, peers, api = (_free_port() for _ in range(3))
        self.port = self._wanted_port or api
        self.url = f"https://127.0.0.1:{self.port}"
        self.etcd = clients
        self._certificates()
        began = time.monotonic()
        filled = (self._folder / FILLED).exists()
        if filled:
            shutil.copytree(self._folder / FILLED, self.place / "etcd")
        peer = f"http://127.0.0.1:{peers}"
        self._part(
            "etcd",
            f"--data-dir={self.place}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{clients}",
            f"--advertise-client-urls=http://127.0.0.1:{clients}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            *(["--force-new-cluster"] if filled else []),
            "--unsafe-no-fsync",
            "--log-level=error",
        )
        self._part(
            "apiserver",
            f"--etcd-servers=http://127.0.0.1:{clients}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.place}/server.crt",
            f"--tls-private-key-file={self.place}/server.key",
            f"--token-auth-file={self.place}/tokens.csv",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.place}/accounts.key",
            f"--service-account-signing-key-file={self.place}/accounts.key",
            "--service-cluster-ip-range=10.255.0.0/24",
            *([] if self._accounts else ["--disable-admission-plugins=ServiceAccount"]),
            "--endpoint-reconciler-type=none",
            "--profiling=false",
        )
        self._until("API server that answers", lambda: self.request("GET", "/readyz", seconds=1)[0] == 200)
        self.starting["server"] = time.monotonic() - began
        for name in NAMESPACES:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            status, answer = self.request("POST", "/api/v1/namespaces", body)
            assert status in (201, 409), answer
        if not filled:
            self._define()
        self._until("kinds of Argo", self._served)
        self.starting["kinds"] = time.monotonic() - began - self.starting["server"]

    def _certificates(self) -> None:
        authority = Authority()
        certificate, key = authority.server("127.0.0.1", "localhost", GATEWAY, "kubernetes.default.svc")
        written = {
            "authority.crt": authority.certificate,
            "server.crt": certificate,
            "server.key": key,
            "accounts.key": _accounts_key(),
            "tokens.csv": f'{self.token},admin,admin,"system:masters"\n',
            "kubeconfig": json.dumps(self._config()),
        }
        for name, text in written.items():
            (self.place / name).write_text(text, "utf-8")
        self.authority = authority.certificate
        self._tls = ssl.create_default_context(cadata=authority.certificate)

    def _config(self) -> Any:
        """How others of this machine find the server, as somebody who may do everything."""
        cluster = {"server": self.url, "certificate-authority": f"{self.place}/authority.crt"}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "users": [{"name": "tests", "user": {"token": self.token}}],
        }

    def control(self, *controllers: str) -> None:
        """Start controllers of Kubernetes, by their names in kube-controller-manager, and no others."""
        self._part(
            "controllers",
            f"--kubeconfig={self.place}/kubeconfig",
            f"--controllers={','.join(controllers)}",
            f"--root-ca-file={self.place}/authority.crt",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _part(self, name: str, *flags: str) -> None:
        command = [str(self._folder / "kubernetes"), name, *flags]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.place), "GOMAXPROCS": "2"}
        with (self.place / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, cwd=self.place
            )
        self._processes.append(process)

    def _until(self, what: str, true: Any) -> None:
        ends = time.monotonic() + _PATIENCE
        while True:
            for process in self._processes:
                if process.poll() is not None:
                    raise CannotStart(self._last_words(str(process.args[1])))  # type: ignore[index]
            try:
                if true():
                    return
            except OSError:
                pass
            if time.monotonic() > ends:
                raise CannotStart(f"Kubernetes for the tests: no {what} after {_PATIENCE:.0f} seconds")
            time.sleep(0.05)

    def _last_words(self, part: str) -> str:
        lines = (self.place / f"{part}.log").read_text("utf-8", "replace").strip().splitlines()
        inUse = [line for line in lines if "address already in use" in line]
        if inUse:
            return f"Kubernetes for the tests: {part} finds its port in use ({inUse[-1].strip()[-160:]}); try again"
        return f"Kubernetes for the tests: {part} has ended: {lines[-1].strip()[-300:] if lines else 'without a word'}"

    def _define(self) -> None:
        definitions = json.loads((self._folder / "definitions.json").read_text("utf-8"))
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for item in definitions:
            self.ask("POST", path, item)

    def _served(self) -> bool:
        known = self.ask("GET", ARGO, or_none=True) or {"resources": []}
        wanted = set(PLURALS[ARGO])
        if not wanted <= {item["name"] for item in known["resources"]}:
            return False
        return all(self.request("GET", f"{ARGO}/{name}?limit=1")[0] == 200 for name in wanted)

    def keep(self, place: Path) -> None:
        """End, and keep what etcd has at `place`, from which others then start."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait()
        shutil.copytree(self.place / "etcd", place)

    # Requests ------------------------------------------------------------------------------------------------------

    def connection(self, seconds: float = 60) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self._tls, timeout=seconds)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content: str = "application/json",
        seconds: float = 60,
        account: tuple[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer, of somebody who may do everything, or of a ServiceAccount (namespace, name)."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content, "Accept": "application/json"}
        if account:
            headers["Impersonate-User"] = f"system:serviceaccount:{account[0]}:{account[1]}"
        connection = self.connection(seconds)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(data)
        except ValueError:
            return response.status, {"message": data.decode("utf-8", "replace")}

    def ask(self, method: str, path: str, body: Any = None, or_none: bool = False) -> Any:
        """The answer, which must be none of a refusal; with `or_none` None for what is not there."""
        status, answer = self.request(method, path, body)
        if status == 404 and or_none:
            return None
        assert status < 400, (method, path, status, answer.get("message"))
        return answer

    def wipe(self, prefixes: list[str]) -> None:
        """Remove from etcd what lies below these keys. The API server learns it as from another server beside it."""

        def text(key: bytes) -> str:
            return base64.b64encode(key).decode("ascii")

        operations = [
            {"request_delete_range": {"key": text(key), "range_end": text(key[:-1] + bytes([key[-1] + 1]))}}
            for key in (prefix.encode() for prefix in prefixes)
        ]
        for start in range(0, len(operations), 100):
            self._etcd("txn", {"success": operations[start : start + 100]})

    def put(self, key: str, item: Any) -> None:
        """Store an object of a defined kind as an earlier server has left it, unseen by this one."""
        value = base64.b64encode(json.dumps(item).encode()).decode("ascii")
        self._etcd("put", {"key": base64.b64encode(key.encode()).decode("ascii"), "value": value})

    def _etcd(self, what: str, body: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.etcd, timeout=60)
        try:
            connection.request("POST", f"/v3/kv/{what}", json.dumps(body))
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
        finally:
            connection.close()


def _accounts_key() -> str:
    """With which tokens of ServiceAccounts are signed; Kubernetes reads a key in this form alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _sweep() -> None:
    """Remove the data of tests that were killed."""
    for place in (_MEMORY, Path(tempfile.gettempdir())):
        for left in place.glob(f"{_PREFIX}*"):
            owner = left.name.removeprefix(_PREFIX).split("-")[0]
            if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(left, ignore_errors=True)


_running: list[ControlPlane] = []


def shared() -> ControlPlane:
    """The one of this process, which is started when it is first asked for and ends with the tests. Raises NotBuilt."""
    if not _running:
        _running.append(ControlPlane().__enter__())
    return _running[0]


def end_shared() -> None:
    while _running:
        _running.pop().end()
