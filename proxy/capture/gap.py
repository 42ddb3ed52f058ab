"""What a GAP record says: how much could not be written, of which collections, and why.

Counts are since the GAP before. Collection `*` stands for what is not told apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import bson


class GapReason(StrEnum):
    """Why the log has a gap."""

    SOFT_LIMIT = "soft_limit"
    """The log neared `max_bytes`: reads were dropped."""
    HARD_LIMIT = "hard_limit"
    """The log reached `max_bytes`: nothing could be written."""
    WRITE_FAILED = "write_failed"
    """The disk refused: full, over quota, broken or gone."""
    ENDED_FAILING = "ended_failing"
    """The relay before this one ended while it could not write; what it lost is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Reads that were dropped and writes that were lost, by namespace."""

    reason: GapReason
    since_ns: int
    until_ns: int
    dropped_reads: Mapping[str, int] = field(default_factory=dict)
    lost_writes: Mapping[str, int] = field(default_factory=dict)
    """Writes of which nothing is known but their collection."""
    in_doubt: int = 0
    """Writes that wait in memory; they come behind this GAP or a later one, as INTENT and an empty REPLY."""
    lost_closings: int = 0
    """Connections that ended without a CLOSED record."""

    def encode(self) -> bytes:
        encoded: bytes = bson.encode(
            {
                "reason": self.reason.value,
                "since_ns": bson.Int64(self.since_ns),
                "until_ns": bson.Int64(self.until_ns),
                "dropped_reads": _pairs(self.dropped_reads),
                "lost_writes": _pairs(self.lost_writes),
                "in_doubt": self.in_doubt,
                "lost_closings": self.lost_closings,
            }
        )
        return encoded

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        document = bson.decode(payload)
        return cls(
            reason=GapReason(document["reason"]),
            since_ns=int(document["since_ns"]),
            until_ns=int(document["until_ns"]),
            dropped_reads=_counts(document["dropped_reads"]),
            lost_writes=_counts(document["lost_writes"]),
            in_doubt=document["in_doubt"],
            lost_closings=document["lost_closings"],
        )


def _pairs(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the counts with names as values: as BSON field names, a client's could break the document."""
    return [
        {"collection": name.encode(errors="replace").decode(), "count": count}
        for name, count in counts.items()
    ]


def _counts(pairs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {pair["collection"]: pair["count"] for pair in pairs}
