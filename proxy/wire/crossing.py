"""The cut-over and the way back: from one side to the other between two operations, with nothing under way and nothing missing.

Everybody is held for a moment: what is under way is answered, the other side catches up, the new authority is written down, and all go
on over there. Where that takes too long everybody goes on where they were, and it is tried again.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from comparators.errors import UnreachableError
from proxy.capture.authority import Authority, read_authority, write_authority
from proxy.wire.complaints import Complaints
from proxy.wire.counters import Crossed
from proxy.wire.gateway import GatewaySide
from proxy.wire.introduction import introduction_of
from proxy.wire.protocol.handover import Handover, line_of
from proxy.wire.upstream import Upstream

LOOK_S: Final = 0.1
STEP_S: Final = 0.005
AGAIN_S: Final = 1.0
CONNECT_WITHIN_S: Final = 10.0
"""As long as a new process may take to be there: until then drivers would be told that nobody is."""
TRY_EVERY_S: Final = 0.05
ASKED_AGAIN_WITHIN_S: Final = 5.0
"""Drivers repeat a write at once, on a new connection: where it was done is known on its own side alone."""
FEW_NOTES: Final = 1000
"""So few that MongoDB has them within the moment for which everybody is held."""

P = TypeVar("P", bound=asyncio.Protocol)


class Crosser(Protocol):
    """A conversation."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of it is under way."""

    def wait_to_cross(self) -> None:
        """Begin nothing new."""

    def stay(self) -> None:
        """Go on where it was."""

    def cross(self) -> None:
        """Go on with the other side."""


class Crossing:
    """Where everybody is, and how they get to the other side."""

    def __init__(
        self,
        *,
        directory: Path,
        socket: Path,
        gateway: GatewaySide,
        upstream: Upstream,
        within_s: float,
        wanted: Callable[[], bool | None],
        is_whole: Callable[[], bool],
    ) -> None:
        """`wanted` tells whether the flags ask for the gateway, None where they say nothing; `is_whole` whether that lacks no documents."""
        self._directory = directory
        self._socket = socket
        self._gateway = gateway
        self._upstream = upstream
        self._within_s = within_s
        self._wanted = wanted
        self._is_whole = is_whole
        self.authority = read_authority(directory)
        self.obstacle = ""
        """Why it is not done yet."""
        self._mirror: Mapping[str, Any] = {}
        self._look_again_s = 0.0
        # Whoever an earlier relay has left without an answer may ask again, too.
        self._doubtful_until_s = time.monotonic() + ASKED_AGAIN_WITHIN_S
        self._may_connect = asyncio.Event()
        self._may_connect.set()

    @property
    def is_through(self) -> bool:
        """Whether the gateway has the last word."""
        return self.authority.is_gateway

    def crossed(self) -> Crossed:
        """Return how it stands."""
        side = "gateway" if self.is_through else "legacy"
        return Crossed(side=side, obstacle=self.obstacle, mirror=self._mirror)

    def in_doubt(self) -> None:
        """Note that somebody has left without an answer: who asks again must find the side that may have answered."""
        self._doubtful_until_s = time.monotonic() + ASKED_AGAIN_WITHIN_S

    @property
    def needs_gateway(self) -> bool:
        """Whether the gateway's processes must be there."""
        return self.is_through or self._wanted() is True

    async def run(
        self, conversations: Callable[[], Iterable[Crosser]], complaints: Complaints
    ) -> None:
        """Follow the flags until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look(conversations, complaints)
            except Exception:  # noqa: BLE001 - the door: a bug in here ends no conversation
                complaints.bug("crossing_failed")
                await asyncio.sleep(AGAIN_S)

    async def _look(
        self, conversations: Callable[[], Iterable[Crosser]], complaints: Complaints
    ) -> None:
        await self._look_at_mirror()
        wanted = self._wanted()
        if wanted is None or wanted == self.is_through:
            self.obstacle = ""
            return
        obstacle = await self._tried(conversations, to_gateway=wanted)
        if obstacle and obstacle != self.obstacle:
            complaints.warn("crossing_waits", reason=obstacle)
        elif not obstacle:
            complaints.info("crossed", side="gateway" if wanted else "legacy")
        self.obstacle = obstacle
        if obstacle:
            await asyncio.sleep(AGAIN_S)

    async def connect(
        self, factory: Callable[[], P], handover: Handover
    ) -> tuple[asyncio.Transport, P]:
        """Connect to the process that answers instead of MongoDB; UnreachableError where there is none for long."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                while True:
                    try:
                        transport, side = await self._reached(factory)
                    except OSError:
                        await asyncio.sleep(TRY_EVERY_S)
                        continue
                    transport.write(line_of(handover))
                    return transport, side
        except TimeoutError as error:
            raise UnreachableError(
                "the process that answers from the gateway is not there",
                where=str(self._socket),
                remedy="look in the log for why it ends",
            ) from error

    async def decided(self) -> None:
        """Return while nobody is on the way from one side to the other."""
        await self._may_connect.wait()

    async def pending(self) -> dict[str, Any]:
        """Ask what MongoDB still lacks; OSError, TimeoutError or ValueError where nobody can tell."""
        async with asyncio.timeout(AGAIN_S):
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
            try:
                writer.write(line_of(Handover(peer="relay", reached="", asks=True)))
                told = json.loads(await reader.readline())
            finally:
                writer.close()
        if not isinstance(told, dict):
            raise ValueError("no object")  # noqa: TRY004 - of the line
        return told

    # ---- inside

    async def _look_at_mirror(self) -> None:
        """See once a second what MongoDB lacks."""
        now_s = time.monotonic()
        if now_s < self._look_again_s:
            return
        self._look_again_s = now_s + AGAIN_S
        if not self.is_through:
            self._mirror = {}
            return
        try:
            self._mirror = await self.pending()
        except (OSError, TimeoutError, ValueError):
            # The process is not there: what was seen last stays.
            return

    async def _reached(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        loop = asyncio.get_running_loop()
        return await loop.create_unix_connection(factory, str(self._socket))

    async def _tried(
        self, conversations: Callable[[], Iterable[Crosser]], *, to_gateway: bool
    ) -> str:
        """Cross, or return why not."""
        if time.monotonic() < self._doubtful_until_s:
            return "somebody who left without an answer may ask again"
        try:
            if to_gateway:
                return await self._to_gateway(conversations)
            return await self._to_legacy(conversations)
        except (FileNotFoundError, ConnectionRefusedError):
            return "the process that answers from the gateway is not there yet"
        except (OSError, TimeoutError, ValueError) as error:
            return f"the process that answers from the gateway does not: {type(error).__name__}"
        except UnreachableError as error:
            return error.what

    async def _to_gateway(self, conversations: Callable[[], Iterable[Crosser]]) -> str:
        await self.pending()
        hello = await introduction_of(self._upstream)
        if not self._is_whole():
            return "the gateway lacks documents from before the sidecar: `parallax backfill`"
        if not self._gateway.is_near():
            return "the verifier is behind"
        authority = Authority(is_gateway=True, since_ns=time.time_ns(), hello=hello)
        return await self._cross(
            conversations,
            authority,
            self._caught_up,
            "the verifier is behind, or not sure of a document",
        )

    async def _to_legacy(self, conversations: Callable[[], Iterable[Crosser]]) -> str:
        told = await self.pending()
        if not told.get("is_on"):
            return "the mirror is off: MongoDB lacks what was written since"
        if told["notes"] > FEW_NOTES:
            return f"MongoDB lacks {told['notes']} writes yet"
        await introduction_of(self._upstream)
        authority = Authority(is_gateway=False, since_ns=time.time_ns())
        return await self._cross(
            conversations, authority, self._mirrored, "MongoDB does not have every write yet"
        )

    async def _cross(
        self,
        conversations: Callable[[], Iterable[Crosser]],
        authority: Authority,
        is_ready: Callable[[], Awaitable[bool]],
        obstacle: str,
    ) -> str:
        """Hold everybody, and let them go on over there; or where they were, and return the obstacle."""
        self._may_connect.clear()
        found = "an operation or a transaction does not end"
        for each in conversations():
            each.wait_to_cross()
        try:
            async with asyncio.timeout(self._within_s):
                while not all(each.is_quiet for each in conversations()):  # noqa: ASYNC110 - for a moment
                    await asyncio.sleep(STEP_S)
                found = obstacle
                while not await is_ready():  # noqa: ASYNC110 - for a moment
                    await asyncio.sleep(STEP_S)
            write_authority(self._directory, authority)
            self.authority = authority
            found = ""
        except TimeoutError:
            return found
        finally:
            self._may_connect.set()
            for each in list(conversations()):
                if found:
                    each.stay()
                else:
                    each.cross()
        return ""

    async def _caught_up(self) -> bool:
        return self._gateway.has_all()

    async def _mirrored(self) -> bool:
        told = await self.pending()
        return bool(told.get("is_on")) and told["notes"] == 0
