"""Whether PostgreSQL answers, so that drivers neither hang nor give up.

While it is away `hello` tells of a member that is no primary, and commands are refused with an error after which drivers look for
one anew: they wait for it as they do through an election. A server that has stopped answering is found by asking; what was under
way then ends at once. A statement that is merely slow is not cut off.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import structlog

from comparators.errors import ParallaxError

_log = structlog.get_logger()

ASKED_EVERY_S: Final = 2.0
ASKED_AGAIN_S: Final = 0.25
ANSWERS_WITHIN_S: Final = 5.0


class Reachable(Protocol):
    """What is asked."""

    async def reachable(self) -> None:
        """Return when the database answers; UnreachableError when it does not."""


class Availability:
    """The state of the gateway: there or away."""

    def __init__(self, gateway: Reachable) -> None:
        self._gateway = gateway
        self._limits: set[asyncio.Timeout] = set()
        self._is_away = asyncio.Event()
        self.reason = ""

    @property
    def is_away(self) -> bool:
        """Whether the gateway is known not to answer."""
        return self._is_away.is_set()

    def lost(self, reason: str) -> None:
        """Note that the gateway does not answer, and end what waits for it."""
        if not self.is_away:
            _log.warning("peer_lost", side="gateway")
        self.reason = reason
        self._is_away.set()
        now = asyncio.get_running_loop().time()
        for limit in tuple(self._limits):
            if not limit.expired():
                limit.reschedule(now)
        self._limits.clear()

    @contextmanager
    def ending(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Have a limit expire at once when the gateway is lost meanwhile."""
        self._limits.add(limit)
        try:
            yield
        finally:
            self._limits.discard(limit)

    async def run(self) -> None:
        """Ask now and then, and more often while there is no answer."""
        while True:
            try:
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    await self._gateway.reachable()
            except TimeoutError:
                self.lost("PostgreSQL does not answer")
            except ParallaxError as error:
                self.lost(error.what)
            else:
                if self.is_away:
                    self._is_away.clear()
                    _log.info("peer_back", side="gateway")
            await self._pause()

    async def _pause(self) -> None:
        if self.is_away:
            await asyncio.sleep(ASKED_AGAIN_S)
            return
        try:
            async with asyncio.timeout(ASKED_EVERY_S):
                await self._is_away.wait()
        except TimeoutError:
            return
