"""The engine, one for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .engine import Engine, running_engine
from .installation import NotInstalled
from .workshop import Workshop


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    try:
        with running_engine(tmp_path_factory.mktemp("engine")) as running:
            yield running
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def workshop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(engine, tmp_path_factory.mktemp("flows"))
