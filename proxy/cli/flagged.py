"""Have the relay go by a flags file, keep the process beside it that answers reads from the gateway, and hear of writes."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from proxy.capture.applied import Applied
from proxy.cli.supervise import keep_gateway
from proxy.flags.flags import Flags
from proxy.flags.provider import FileProvider
from proxy.settings import Settings
from proxy.wire.gateway import GatewaySide
from proxy.wire.listener import Listener
from proxy.wire.outcomes import Outcomes


@contextmanager
def go_by_flags(
    settings: Settings,
    file: Path,
    listener: Listener,
    tasks: asyncio.TaskGroup,
    *,
    end: int,
    with_gateway: bool,
) -> Iterator[Path | None]:
    """Let the flags hold for a relay that does not listen yet; `end` is where the log ends.

    Gives the socket on which the relay waits for its verifier, None without one.

    Without a verifier beside it nobody tells how far the gateway is, so that nothing can be answered from there.
    """
    beside: Path | None = None
    with ExitStack() as held:
        provider = FileProvider(file)
        flags = held.enter_context(Flags(provider))
        flags.on_change(listener.flags_changed)
        listener.flags = flags
        tasks.create_task(provider.watch(), name="flags")
        if with_gateway:
            # A path of its own: that of a socket may have no more than about a hundred characters.
            folder = Path(held.enter_context(TemporaryDirectory(prefix="parallax-")))
            applied = Applied(settings.capture_directory)
            held.callback(applied.close)
            listener.gateway = GatewaySide(
                folder / "gateway",
                applied,
                budget_s=settings.flags.gateway_within_s,
                end=end,
                monotonic=time.monotonic,
            )
            tasks.create_task(keep_gateway(settings, folder / "gateway"), name="gateway")
            beside = folder / "verifier"
            listener.outcomes = Outcomes(
                beside,
                dual_within_s=settings.flags.dual_within_s,
                answer_within_s=settings.flags.gateway_within_s,
                monotonic=time.monotonic,
            )
        yield beside
