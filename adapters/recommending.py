"""Which adapters suit a collection, by what was measured of its operations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.adapter import Adapter, Capability, Role

TEXT_SHARE: Final = 0.01
"""From here on, searches are worth an index of words of their own."""
CACHED_READS: Final = 0.5
"""From here on, reads of single documents are worth a cache …"""
CACHED_WRITES: Final = 0.1
"""… unless more of the operations than this are writes, each of which empties a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """How often each thing was asked of a collection; one operation may count several times."""

    operations: int
    writes: int = 0
    reads_by_id: int = 0
    joins: int = 0
    texts: int = 0
    vectors: int = 0
    transactions: int = 0

    def share(self, n: int) -> float:
        """Return which part of all operations that is."""
        return n / self.operations if self.operations else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """An adapter, whether it suits, and why."""

    adapter: Adapter
    suits: bool
    reasons: tuple[str, ...]


def recommended(features: Features, adapters: Sequence[Adapter]) -> Sequence[Recommendation]:
    """Return a word on each adapter, those that suit first; nothing where nothing was measured."""
    if not features.operations:
        return ()
    judged = [_judged(features, adapter) for adapter in adapters]
    return sorted(judged, key=lambda each: (not each.suits, each.adapter.role, each.adapter.name))


def _judged(features: Features, adapter: Adapter) -> Recommendation:
    match adapter.role:
        case Role.DATABASE:
            return _database(features, adapter)
        case Role.SEARCH:
            return _search(features, adapter)
        case Role.CACHE:
            return _cache(features, adapter)


def _needs(features: Features) -> Iterator[tuple[Capability, int]]:
    yield Capability.JOINS, features.joins
    yield Capability.FULL_TEXT, features.texts
    yield Capability.VECTOR_SEARCH, features.vectors
    yield Capability.TRANSACTIONS, features.transactions


def _database(features: Features, adapter: Adapter) -> Recommendation:
    needed = {capability: n for capability, n in _needs(features) if n}
    missing = needed.keys() - adapter.capabilities
    reasons = [
        f"{'lacks' if each in missing else 'has'} {each}, which {_part(features, n)} use"
        for each, n in needed.items()
    ]
    return Recommendation(
        adapter=adapter,
        suits=not missing,
        reasons=tuple(reasons) or ("nothing was asked that a database may lack",),
    )


def _search(features: Features, adapter: Adapter) -> Recommendation:
    searched = features.texts + features.vectors
    suits = features.share(searched) >= TEXT_SHARE
    if features.vectors and Capability.VECTOR_SEARCH not in adapter.capabilities:
        suits = False
    reason = f"{_part(features, searched)} search; worth it from {TEXT_SHARE:.0%} on"
    return Recommendation(adapter=adapter, suits=suits, reasons=(reason,))


def _cache(features: Features, adapter: Adapter) -> Recommendation:
    is_read = features.share(features.reads_by_id) >= CACHED_READS
    is_still = features.share(features.writes) <= CACHED_WRITES
    reasons = (
        f"{_part(features, features.reads_by_id)} read one document by its key; worth it from {CACHED_READS:.0%} on",
        f"{_part(features, features.writes)} write; worth it up to {CACHED_WRITES:.0%}",
    )
    return Recommendation(adapter=adapter, suits=is_read and is_still, reasons=reasons)


def _part(features: Features, n: int) -> str:
    return f"{n} of {features.operations} operations ({features.share(n):.1%})"
