"""TTL indexes take effect: documents past their date go, as MongoDB's own monitor removes them.

While a gateway only shadows, nobody reaps: the legacy server's deletions decide, and the verifier
follows them. A gateway that serves runs `Reaper`.
Source: MongoDB manual, "TTL Indexes", section "Expiration of Data".
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.paths import reached
from adapters.gateway import Expiry
from adapters.query.paths import split_path

EVERY_S: Final = 60.0


def is_expired(document: Mapping[str, Any], expiry: Expiry, *, now_ms: int) -> bool:
    """Return whether the earliest date at the path is too long ago; without a date never."""
    dates = [
        int(each)
        for value, _position in reached(document, split_path(expiry.path), expand=False)
        for each in (value if isinstance(value, list) else [value])
        if isinstance(each, DatetimeMS)
    ]
    return bool(dates) and min(dates) + expiry.after_s * 1000 <= now_ms


@runtime_checkable
class Expiring(Protocol):
    """What the reaper needs of a gateway."""

    def with_expiry(self) -> Sequence[str]:
        """Return the namespaces that have a TTL index."""

    async def expire(self, namespace: str, *, now_ms: int, grace_s: int = 0) -> Sequence[Any]:
        """Delete what is past its date, and return its `_id`s."""


class Reaper:
    """Deletes documents every `every_s` seconds, `grace_s` seconds after they have expired."""

    def __init__(self, gateway: Expiring, *, every_s: float = EVERY_S, grace_s: int = 0) -> None:
        self._gateway = gateway
        self._every_s = every_s
        self._grace_s = grace_s

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            await self.reap(int(time.time() * 1000))
            await asyncio.sleep(self._every_s)

    async def reap(self, now_ms: int) -> int:
        """Delete what is past its date now; return how many documents went."""
        gone = 0
        for namespace in self._gateway.with_expiry():
            gone += len(await self._gateway.expire(namespace, now_ms=now_ms, grace_s=self._grace_s))
        return gone
