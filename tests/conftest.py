"""All tests: generated cases repeat from run to run; `HYPOTHESIS_RANDOM=1` asks for new ones (make test-long)."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("random" if os.environ.get("HYPOTHESIS_RANDOM") else "repeatable")
