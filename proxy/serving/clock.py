"""The time of the server as drivers see it: `operationTime` and `$clusterTime`, which only ever increase.

Nothing is replicated here, so the clock orders what this process answered. It takes over times that clients bring along from
elsewhere, as a member of a replica set does: whoever waits for such a time finds it past.
Source: MongoDB specifications, "Causal Consistency", "Driver Sessions", section "Gossipping the cluster time".
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from bson.int64 import Int64
from bson.timestamp import Timestamp

UNSIGNED: Final[Mapping[str, Any]] = {"hash": bytes(20), "keyId": Int64(0)}
"""A signature for who does not check them, as from a server without authentication."""
_MOST_AHEAD_S: Final = 365 * 24 * 3600
"""A client's time further ahead than MongoDB would accept is not taken over."""


class ClusterClock:
    """Seconds of the wall clock, and a number within them."""

    __slots__ = ("_ordinal", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._ordinal = 0

    def tick(self) -> Timestamp:
        """Return a time later than any before."""
        now = int(time.time())
        if now > self._second:
            self._second, self._ordinal = now, 1
        else:
            self._ordinal += 1
        return Timestamp(self._second, self._ordinal)

    def learn(self, gossip: Any) -> None:
        """Take over a later `$clusterTime`."""
        told = gossip.get("clusterTime") if isinstance(gossip, Mapping) else None
        if not isinstance(told, Timestamp):
            return
        if told.time > int(time.time()) + _MOST_AHEAD_S:
            return
        self._second, self._ordinal = max((self._second, self._ordinal), (told.time, told.inc))


def gossip(now: Timestamp) -> dict[str, Any]:
    """Return the fields that every reply of a replica set ends with."""
    return {
        "$clusterTime": {"clusterTime": now, "signature": dict(UNSIGNED)},
        "operationTime": now,
    }
