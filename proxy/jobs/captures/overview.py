"""What a log holds: its segments, what was asked of which collection, what is missing or damaged."""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from proxy.capture.gap import Gap
from proxy.capture.reader import Skipped
from proxy.capture.record import Record, RecordKind
from proxy.capture.segment import bases, log_id, segment_path
from proxy.jobs.captures.exchanges import Pairing, demand_log, records


@dataclass(slots=True, kw_only=True)
class SegmentView:
    """One file of the log; times are when requests came, None without any."""

    base: int
    size: int
    records: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    harmed: list[Skipped] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Overview:
    """A whole log. `operations` are counted by collection and command; `unanswered` are writes without a reply."""

    log: str
    segments: list[SegmentView]
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    gaps: list[tuple[int, Gap]] = field(default_factory=list)
    harmed: list[Skipped] = field(default_factory=list)
    unanswered: int = 0
    undecodable: int = 0
    relays: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    @property
    def size(self) -> int:
        """Return the bytes of all segments."""
        return sum(segment.size for segment in self.segments)


def overview_of(directory: Path) -> Overview:
    """Read a log from its first segment to its end."""
    demand_log(directory)
    found = Overview(
        log=log_id(directory),
        segments=[
            SegmentView(base=base, size=segment_path(directory, base).stat().st_size)
            for base in bases(directory)
        ],
    )
    starts = [segment.base for segment in found.segments]
    pairing = Pairing()
    for part in records(directory):
        segment = found.segments[max(bisect_right(starts, part.position) - 1, 0)]
        if isinstance(part, Skipped):
            segment.harmed.append(part)
            found.harmed.append(part)
        else:
            _count(found, segment, part, pairing)
    found.unanswered += pairing.begun
    return found


def _count(found: Overview, segment: SegmentView, record: Record, pairing: Pairing) -> None:
    segment.records += 1
    _widen(segment, record.received_ns)
    _widen(found, record.received_ns)
    found.relays += record.kind is RecordKind.OPENED
    if record.kind is RecordKind.GAP:
        found.gaps.append((record.position, Gap.decode(record.request)))
    for traded in pairing.take(record):
        found.unanswered += not traded.reply
        if traded.request is None:
            found.undecodable += 1
        else:
            found.operations[traded.request.namespace, traded.request.name] += 1


def _widen(span: SegmentView | Overview, at_ns: int) -> None:
    span.first_ns = at_ns if span.first_ns is None else min(span.first_ns, at_ns)
    span.last_ns = at_ns if span.last_ns is None else max(span.last_ns, at_ns)
