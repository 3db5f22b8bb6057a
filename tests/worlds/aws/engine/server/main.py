"""Main: the emulated AWS as a process of its own, on 127.0.0.1.

In:   ministack's environment; one JSON object as the only argument: `folder` (for all that it writes),
      `job_environment` (what a container has before its job definition and overrides come).
Out:  its address as the first line on standard output; runs until standard input ends.

Not here: starting it (`tests/worlds/aws/engine/engine.py`). `corrections` mends what the emulator does unlike AWS,
`jobs` runs Batch's jobs, `switches` injects faults and second deliveries, `stacks` adds to CloudFormation.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

SETTINGS: dict[str, Any] = json.loads(sys.argv[1])
FOLDER = Path(SETTINGS["folder"])
with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]

# By default the emulator listens on every interface, opens MQTT and SFTP, and writes into /tmp.
os.environ |= {
    "BIND_HOST": "127.0.0.1",
    "GATEWAY_PORT": str(PORT),
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "MINISTACK_ACCOUNT_ID": "123456789012",
    "MINISTACK_REGION": "us-east-1",
    "MINISTACK_HOST": "127.0.0.1",
    "LOG_LEVEL": "WARNING",
    "STATE_DIR": str(FOLDER / "state"),
    "S3_DATA_DIR": str(FOLDER / "s3"),
    "TMPDIR": str(FOLDER),
}

import corrections  # noqa: E402 - the emulator reads its settings when it is imported
import jobs  # noqa: E402
import stacks  # noqa: E402
import switches  # noqa: E402
from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack import app as emulator  # noqa: E402


def end_with_standard_input() -> None:
    """The process that started this one holds the other end: when it is gone, so are we and every job."""
    sys.stdin.buffer.read()
    jobs.kill_all()
    os._exit(0)


def main() -> None:
    """Serve."""
    corrections.apply()
    address = f"http://127.0.0.1:{PORT}"
    jobs.apply(SETTINGS["job_environment"] | {"AWS_ENDPOINT_URL": address}, FOLDER / "jobs")
    switches.apply()
    stacks.apply()
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    config = Config()
    config.bind = [f"127.0.0.1:{PORT}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75
    print(address, flush=True)
    asyncio.run(serve(switches.with_controls(emulator.app), config))


if __name__ == "__main__":
    main()
