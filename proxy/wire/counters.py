"""What the relay counts, and the frozen picture of it for the status file."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from proxy.wire.gateway import Reading
from proxy.wire.outcomes import Writing
from proxy.wire.protocol.message import Treatment


class Refusal(StrEnum):
    """Why a client's connection was not served, or not served to its end."""

    TOO_MANY = "too_many_connections"
    UNREACHABLE = "legacy_unreachable"
    NO_PRIMARY = "no_primary"
    DRAINING = "draining"
    CLIENT_BROKE_PROTOCOL = "client_broke_protocol"
    LEGACY_BROKE_PROTOCOL = "legacy_broke_protocol"
    PRIMARY_CHANGED = "primary_changed"
    CROSSED = "crossed"
    """It has logged in where that means nothing to the other side, to which everybody has gone."""
    BUG = "bug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """On which side everybody is, why not on the other one, and what MongoDB lacks there."""

    side: str = "legacy"
    obstacle: str = ""
    mirror: Mapping[str, Any] = field(default_factory=dict)


NOT_CROSSED: Final = Crossed()
NO_BREAKERS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySnapshot:
    """The relay's counts since it started."""

    connections_open: int
    connections_total: int
    requests: Mapping[str, int]
    """By treatment: read, write, gossip, secret, hello."""
    replies: int
    replies_unpaired: int
    """Forwarded although nothing had asked for them."""
    writes_unacknowledged: int
    writes_unanswered: int
    """In doubt: the connection ended before the reply."""
    reads_off: int
    """Not captured because their flag says `off`."""
    gateway_reads: Mapping[str, int]
    """Reads that the gateway was to answer, by what became of them."""
    gateway_writes: Mapping[str, int]
    """Writes that were to wait for the gateway, by what became of them."""
    breakers: Mapping[str, int]
    """1 where the gateway is left alone because it failed too often, else 0: for reads and for writes. Empty without flags."""
    refused: Mapping[str, int]
    request_bytes: int
    reply_bytes: int
    primary: str | None
    """Where requests go now; None while no member takes writes."""
    side: str
    """Who has the last word: `legacy`, or after the cut-over `gateway`."""
    crossing: str
    """Why the relay has not followed the flags to the other side; empty where it has."""
    mirror: Mapping[str, Any]
    """What MongoDB lacks after the cut-over; empty before."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """Counted in place, once per message."""

    connections_total: int = 0
    requests: dict[Treatment, int] = field(default_factory=lambda: dict.fromkeys(Treatment, 0))
    replies: int = 0
    replies_unpaired: int = 0
    writes_unacknowledged: int = 0
    writes_unanswered: int = 0
    reads_off: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    request_bytes: int = 0
    reply_bytes: int = 0

    def snapshot(
        self,
        *,
        connections_open: int,
        primary: str | None,
        gateway_reads: Mapping[Reading, int],
        gateway_writes: Mapping[Writing, int],
        breakers: Mapping[str, int] = NO_BREAKERS,
        crossed: Crossed = NOT_CROSSED,
    ) -> RelaySnapshot:
        """Return the counts as they stand."""
        return RelaySnapshot(
            connections_open=connections_open,
            connections_total=self.connections_total,
            requests={treatment.value: count for treatment, count in self.requests.items()},
            replies=self.replies,
            replies_unpaired=self.replies_unpaired,
            writes_unacknowledged=self.writes_unacknowledged,
            writes_unanswered=self.writes_unanswered,
            reads_off=self.reads_off,
            gateway_reads={reading.value: count for reading, count in gateway_reads.items()},
            gateway_writes={writing.value: count for writing, count in gateway_writes.items()},
            breakers=dict(breakers),
            refused={refusal.value: count for refusal, count in self.refused.items()},
            request_bytes=self.request_bytes,
            reply_bytes=self.reply_bytes,
            primary=primary,
            side=crossed.side,
            crossing=crossed.obstacle,
            mirror=dict(crossed.mirror),
        )
