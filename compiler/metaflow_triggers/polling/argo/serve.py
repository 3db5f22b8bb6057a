"""Serve: the process of a poller's container.

In:   the command line `--namespace N --lease NAME CONFIGMAP ...`, in the folder of the flow's code.
Out:  polls until SIGTERM; exit code 0.

Not here: how the container comes to have the code (`backends.argo.compile.poller`).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import uuid

from ..children import TIMEOUT_SECONDS, Children
from ..clock import SystemClock
from ..lease import SECONDS, Lease
from ..poller import Poller
from ..starters import starter
from . import HOLDER_VARIABLE
from .api import SERVICE_ACCOUNT, Api
from .starting import Workflows
from .store import ConfigMaps, LeaseObject


def main(arguments: list[str]) -> None:
    """Poll until told to stop. Exits."""
    parser = argparse.ArgumentParser(prog="poller")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--lease", required=True)
    parser.add_argument("--service-account", default=SERVICE_ACCOUNT, help=argparse.SUPPRESS)
    parser.add_argument("--lease-seconds", type=float, default=SECONDS, help=argparse.SUPPRESS)
    parser.add_argument("--stop-seconds", type=float, default=10.0, help=argparse.SUPPRESS)
    parser.add_argument("config_maps", nargs="+")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    clock = SystemClock()
    api = Api(service_account=given.service_account)
    holder = os.environ.get(HOLDER_VARIABLE) or f"{socket.gethostname()}-{uuid.uuid4().hex}"
    path = f"/apis/coordination.k8s.io/v1/namespaces/{given.namespace}/leases/{given.lease}"
    lease = Lease(LeaseObject(api, path), holder, monotonic=clock.monotonic, now=clock.now, seconds=given.lease_seconds)
    timeout = min(TIMEOUT_SECONDS, given.lease_seconds * 2 / 3)
    children = Children(starter(("metaflow",), dict(os.environ)), clock, timeout_seconds=timeout)
    poller = Poller(
        ConfigMaps(api, given.namespace),
        Workflows(api, given.namespace),
        given.config_maps,
        lease,
        hosts=children,
        clock=clock,
        root=os.getcwd(),
        lease_seconds=given.lease_seconds,
    )
    poller.start()
    logging.getLogger("metaflow_triggers.poll").info("polls %d triggers", len(given.config_maps))
    ended.wait()
    poller.stop(given.stop_seconds)
