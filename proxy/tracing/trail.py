"""What of a judged exchange is told in a trace: numbers, names of the schema and the verdict, never a value."""

from enum import StrEnum
from hashlib import blake2b
from typing import Final, NamedTuple

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.tracing.context import Parent
from proxy.tracing.exemplar import Place

AGAINST: Final = frozenset({Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TIMEOUT})
"""Verdicts that tell of something wrong: they are traced whoever samples what, and their spans are errors."""
_BYTES_OF_TRACE: Final = 16
_BYTES_OF_SPAN: Final = 8


class Part(StrEnum):
    """The spans of one exchange. All others are children of the first."""

    LEGACY = "legacy"
    GATEWAY = "gateway"
    COMPARISON = "comparison"
    RECHECK = "recheck"


PARTS: Final = {
    Part.LEGACY: "MongoDB, as the relay waited for it: from the complete request to the complete reply",
    Part.GATEWAY: "PostgreSQL, as the verifier waited for it; not there where it was never asked",
    Part.COMPARISON: "From the comparison of the two answers to the verdict",
    Part.RECHECK: "Both sides asked again because the answers of a read differed",
}
"""What each span measures."""


class Ids(NamedTuple):
    """The numbers of one trace, and of the spans that are ours."""

    trace: int
    legacy: int
    gateway: int
    comparison: int
    recheck: int

    @property
    def places(self) -> tuple[Place, Place, Place]:
        """Return where each side's answer stands, and the verdict."""
        legacy, gateway = Place(self.trace, self.legacy), Place(self.trace, self.gateway)
        return legacy, gateway, self.verdict

    @property
    def verdict(self) -> Place:
        """Return where the verdict stands."""
        return Place(self.trace, self.comparison)


class Side(NamedTuple):
    """One side's answer. `error` is the code of its failure, or why there is none; None where it succeeded."""

    began_ns: int
    ended_ns: int
    error: str | None


class Trail(NamedTuple):
    """One exchange, judged. Times are nanoseconds since 1970, 0 for what did not happen."""

    ids: Ids
    parent: Parent | None
    database: str
    collection: str
    kind: Kind
    shape: str
    position: int
    legacy: Side
    overhead_s: float
    gateway: Side | None
    verdict: Verdict
    reason: str | None
    fingerprint: str | None
    rules: tuple[str, ...]
    compared_ns: int
    doubted_ns: int
    judged_ns: int


def ids_of(log: str, position: int, parent: Parent | None) -> Ids:
    """Return the numbers of the exchange that begins at a position of a log: the same whenever they are asked for.

    So a verifier that starts again after `kill -9` tells of the same spans, and not of others like them.
    """
    digest = blake2b(f"{log} {position}".encode(), digest_size=_BYTES_OF_TRACE + 4 * _BYTES_OF_SPAN)
    drawn = digest.digest()
    trace = int.from_bytes(drawn[:_BYTES_OF_TRACE]) if parent is None else parent.trace_id
    starts = range(_BYTES_OF_TRACE, len(drawn), _BYTES_OF_SPAN)
    return Ids(trace, *(int.from_bytes(drawn[start : start + _BYTES_OF_SPAN]) for start in starts))
