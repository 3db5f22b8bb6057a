"""Folders for databases of engines that run nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def memory_folder(tmp_path):
    """In memory where the machine offers it: an engine waits for the disk at each commit, and no power fails here."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)
