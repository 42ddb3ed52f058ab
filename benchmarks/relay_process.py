"""The relay as `parallax serve` runs it, without a verifier: python -m benchmarks.relay_process URI PORT DIRECTORY."""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from proxy.capture.limits import CaptureLimits
from proxy.capture.writer import CaptureWriter
from proxy.cli.collection import settle_garbage_collection
from proxy.wire.legacy import legacy_servers
from proxy.wire.listener import Listener


async def serve(uri: str, port: int, directory: Path) -> None:
    """Relay until terminated."""
    capture = CaptureWriter(directory, opened={"version": "benchmark"}, limits=CaptureLimits())
    listener = Listener(
        servers=legacy_servers(uri), capture=capture, host="127.0.0.1", port=port, drain_s=1.0
    )
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await listener.run()
    finally:
        capture.close()


if __name__ == "__main__":
    try:
        settle_garbage_collection()
        uvloop.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
    except asyncio.CancelledError:
        sys.exit(0)
