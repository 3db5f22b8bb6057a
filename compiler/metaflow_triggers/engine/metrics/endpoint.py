"""Endpoint: an address at which Prometheus finds what an engine counts.

In:   HOST:PORT; counts, a database.
Out:  a server while it is entered; DiagnosticError FT757 (no address), FT758 (nothing can be served there).

Not here: counting (`counts`). `prometheus_client` is imported when somebody asks for metrics, and by nobody else.
"""

from __future__ import annotations

import errno
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ... import __version__
from ...diagnostics import Diagnostic, DiagnosticError
from .counts import STATES, Counting, Counts, Database, Standing

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")
_INSTALL = "pip install 'metaflow-triggers[metrics]'     # or: pip install 'prometheus_client>=0.20'"
_PREFIX = "metaflow_triggers_"


def parse(text: str) -> tuple[str, int]:
    """Host and port. Raises DiagnosticError (FT757)."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        helps = ("write HOST:PORT, for instance 127.0.0.1:9464; port 0 takes a free one, and [::1]:9464 is of IPv6",)
        raise DiagnosticError([Diagnostic("FT757", f"`{text}` is no address for metrics", helps=helps)])
    return found["six"] or found["host"], int(found["port"])


@contextmanager
def serving(address: str, counting: Counting, database: Database) -> Iterator[str]:
    """Serve while it is entered; gives the URL. Raises DiagnosticError (FT757, FT758)."""
    host, port = parse(address)
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        why = "the package `prometheus_client`, which writes metrics, is not installed"
        raise _not_served(address, why, _INSTALL) from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counting, database))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise _refused(address, error) from error
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _refused(address: str, error: OSError) -> DiagnosticError:
    if error.errno == errno.EADDRINUSE:
        port = address.rpartition(":")[2]
        return _not_served(address, "another process has the port", f"lsof -i :{port}", "or give another port")
    if error.errno == errno.EACCES:
        return _not_served(address, "the port is kept for root", "give a port from 1024 on")
    return _not_served(address, error.strerror or str(error), "give an address of this machine")


def _not_served(address: str, why: str, *helps: str) -> DiagnosticError:
    return DiagnosticError([Diagnostic("FT758", f"no metrics can be served at `{address}`: {why}", helps=helps)])


class _Collector:
    """Asked at each scrape; what cannot be read then is left out, and `database_readable` says so."""

    def __init__(self, counting: Counting, database: Database) -> None:
        self._counting, self._database = counting, database
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Any]:
        """As `prometheus_client` asks."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily(_PREFIX + "engine", "The version of the engine", value={"version": __version__})
        counts = self._counting.now()
        yield from _counters(counts)
        with self._lock:
            try:
                found: Standing | None = self._database.standing()
            except (sqlite3.Error, OSError):
                found = None
        readable = GaugeMetricFamily(_PREFIX + "database_readable", "Whether the engine's database could be read now")
        readable.add_metric([], float(found is not None))
        yield readable
        if found is not None:
            yield from _standing(found, counts.flows)


def _family(kind: Callable[..., Any], name: str, says: str, label: str, values: Mapping[str, float]) -> Any:
    made = kind(_PREFIX + name, says, labels=[label])
    for key, value in sorted(values.items()):
        made.add_metric([key], value)
    return made


def _counters(counts: Counts) -> Iterable[Any]:
    from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

    zero = dict.fromkeys(counts.flows, 0)
    by_flow = (
        ("starts", "Runs that this engine has started", counts.started),
        ("starts_refused", "Events that start nothing, because a required parameter has no value", counts.refused),
        ("starts_retried", "Starts whose process ended before the run began: they are tried again", counts.again),
    )
    for name, says, values in by_flow:
        yield _family(CounterMetricFamily, name, says, "flow", {**zero, **values})
    ended = CounterMetricFamily(_PREFIX + "runs_ended", "Runs of this engine that have ended", labels=["flow", "state"])
    known = {(flow, state): 0 for flow in counts.flows for state in STATES}
    for (flow, state), number in sorted({**known, **counts.ended}.items()):
        ended.add_metric([flow, state], number)
    yield ended
    lasted = SummaryMetricFamily(_PREFIX + "run_duration_seconds", "How long runs took", labels=["flow"])
    for flow, (number, seconds) in sorted(counts.runs.items()):
        lasted.add_metric([flow], count_value=number, sum_value=seconds)
    yield lasted


def _standing(found: Standing, served: Iterable[str]) -> Iterable[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    yield _family(CounterMetricFamily, "events_accepted", "Events since the engine began", "kind", found.accepted)
    gauges = (
        ("starts_queued", "Starts that wait for a place", _first(found.queued)),
        ("starts_queued_oldest_age_seconds", "How long the oldest of them waits", _second(found.queued)),
        ("runs_active", "Runs that are at work", _first(found.running)),
        ("runs_active_oldest_age_seconds", "How long the oldest of them is at work", _second(found.running)),
        ("set_events_waiting", "Events of sets that are not whole", found.waiting),
        ("events_unread", "Rows of the log that a flow's triggers have not read yet", _of(found.unread, served)),
    )
    for name, says, values in gauges:
        yield _family(GaugeMetricFamily, name, says, "flow", values)
    size = GaugeMetricFamily(_PREFIX + "database_bytes", "The size of the engine's database")
    size.add_metric([], found.bytes)
    yield size


def _of(values: Mapping[str, float], flows: Iterable[str]) -> dict[str, float]:
    """Of a flow that nobody serves any more nothing will ever be read."""
    return {key: values[key] for key in flows if key in values}


def _first(values: Mapping[str, tuple[int, float]]) -> dict[str, float]:
    return {key: many for key, (many, _) in values.items()}


def _second(values: Mapping[str, tuple[int, float]]) -> dict[str, float]:
    return {key: age for key, (_, age) in values.items()}
