"""Have the relay go by a flags file, keep the process beside it that answers reads from the gateway, and hear of writes."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from proxy.capture.applied import Applied
from proxy.capture.authority import read_authority
from proxy.cli.crew import Crew
from proxy.cli.supervise import keep_gateway, keep_mirror, keep_server
from proxy.flags.flags import Flags
from proxy.flags.provider import FileProvider
from proxy.settings import Settings
from proxy.wire.crossing import Crossing
from proxy.wire.gateway import GatewaySide
from proxy.wire.listener import Listener
from proxy.wire.outcomes import Outcomes

Verifying = Callable[[Path | None], Coroutine[Any, Any, None]] | None


@contextmanager
def go_by_flags(
    settings: Settings,
    file: Path,
    listener: Listener,
    tasks: asyncio.TaskGroup,
    *,
    end: int,
    verifying: Verifying,
) -> Iterator[None]:
    """Let the flags hold for a relay that does not listen yet; `end` is where the log ends.

    `verifying` keeps the verifier, given the socket on which the relay waits for it; None where there is none. Then nobody tells how far the
    gateway is, so that nothing can be answered from there.
    """
    with ExitStack() as held:
        provider = FileProvider(file)
        flags = held.enter_context(Flags(provider))
        flags.on_change(listener.flags_changed)
        listener.flags = flags
        tasks.create_task(provider.watch(), name="flags")
        if verifying is not None or read_authority(settings.capture_directory).is_gateway:
            # A path of its own: that of a socket may have no more than about a hundred characters.
            folder = Path(held.enter_context(TemporaryDirectory(prefix="parallax-")))
            applied = Applied(settings.capture_directory)
            held.callback(applied.close)
            side = GatewaySide(
                folder / "gateway",
                applied,
                budget_s=settings.flags.gateway_within_s,
                end=end,
                monotonic=time.monotonic,
            )
            listener.gateway = side
            beside = folder / "verifier"
            listener.outcomes = Outcomes(
                beside,
                dual_within_s=settings.flags.dual_within_s,
                answer_within_s=settings.flags.gateway_within_s,
                monotonic=time.monotonic,
            )
            listener.crossing = crossing = Crossing(
                directory=settings.capture_directory,
                socket=folder / "instead",
                gateway=side,
                upstream=listener.upstream,
                within_s=settings.flags.cutover_within_s,
                wanted=flags.cut_over,
                is_whole=lambda: not applied.lacks_any,
            )
            crew = Crew(
                crossing,
                before={
                    **({} if verifying is None else {"verifier": partial(verifying, beside)}),
                    "gateway": partial(keep_gateway, settings, folder / "gateway"),
                },
                after={
                    "server": partial(keep_server, settings, folder / "instead"),
                    "mirror": partial(keep_mirror, settings),
                },
            )
            tasks.create_task(crew.run(), name="crew")
        yield
