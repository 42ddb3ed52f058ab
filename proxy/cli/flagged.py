"""Have the relay go by flags, keep the process beside it that answers reads from the gateway, and hear of writes."""

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
from proxy.capture.directory import private_directory
from proxy.cli.crew import Crew
from proxy.cli.supervise import keep_gateway, keep_mirror, keep_server
from proxy.flags.brake import Brake
from proxy.flags.flags import Flags
from proxy.flags.guarded import REFRESH_EVERY_S, GuardedProvider
from proxy.flags.named import factory_of
from proxy.flags.provider import FileProvider
from proxy.settings import Settings
from proxy.wire.catching import Catching
from proxy.wire.crossing import Crossing
from proxy.wire.gateway import GatewaySide
from proxy.wire.listener import Listener
from proxy.wire.outcomes import Outcomes

Verifying = Callable[[Path | None], Coroutine[Any, Any, None]] | None


@contextmanager
def go_by_flags(
    settings: Settings,
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
        flags = held.enter_context(_followed(settings, tasks))
        flags.on_change(listener.flags_changed)
        listener.flags = flags
        if verifying is not None or read_authority(settings.capture_directory).is_gateway:
            # A path of its own: that of a socket may have no more than about a hundred characters.
            folder = Path(held.enter_context(TemporaryDirectory(prefix="parallax-")))
            applied = Applied(settings.capture_directory)
            held.callback(applied.close)
            beside = folder / "verifier"
            listener.outcomes = outcomes = Outcomes(
                beside,
                dual_within_s=settings.flags.dual_within_s,
                answer_within_s=settings.flags.gateway_within_s,
                monotonic=time.monotonic,
            )
            within_s = settings.flags.gateway_within_s
            listener.gateway = side = GatewaySide(
                folder / "gateway",
                applied,
                budget_s=within_s,
                end=end,
                monotonic=time.monotonic,
                catching=Catching(
                    outcomes,
                    applied,
                    within_s=min(settings.flags.catch_up_s, within_s / 2),
                    monotonic=time.monotonic,
                ),
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


@contextmanager
def _followed(settings: Settings, tasks: asyncio.TaskGroup) -> Iterator[Flags]:
    """Give what the flags say, whoever says it, and have it followed."""
    if settings.flags_file is not None:
        provider = FileProvider(settings.flags_file)
        with Flags(provider) as flags:
            tasks.create_task(provider.watch(), name="flags")
            yield flags
        return
    name = settings.flags.provider
    private_directory(settings.data_directory)
    brake = Brake(settings.data_directory)
    brake.look()
    with Flags(GuardedProvider(name, factory_of(name)), brake) as flags:
        tasks.create_task(brake.watch(flags.ask_again), name="brake")
        tasks.create_task(_ask_again(flags), name="flags")
        yield flags


async def _ask_again(flags: Flags) -> None:
    while True:
        await asyncio.sleep(REFRESH_EVERY_S)
        flags.ask_again()
