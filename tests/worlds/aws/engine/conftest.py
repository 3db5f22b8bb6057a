"""The engine, one for the tests of a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .engine import Engine, running_engine
from .installation import NotInstalled
from .workshop import Workshop


@contextlib.contextmanager
def engine_or_skip(folder: Path) -> Iterator[Engine]:
    """A running engine; where none can be installed the test is skipped, and says how to get one."""
    try:
        with running_engine(folder) as running:
            yield running
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engine_or_skip(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="module")
def workshop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(engine, tmp_path_factory.mktemp("flows"))
