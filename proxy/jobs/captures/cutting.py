"""Copy a window of a log into a log of its own, which replays by itself.

Records keep their positions, so that a position in a report or an error leads to the same record in both. What is
left out is a hole between segments. The new log has an id of its own: the same window of the same log always has the same.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID, uuid5

from comparators.errors import CapacityError, RefusedError, SettingsError
from proxy.capture.directory import private_directory
from proxy.capture.reader import Skipped
from proxy.capture.record import HARMLESS, HEADER_BYTES, Record, header, seed_of
from proxy.capture.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    begin_of,
    create_segment,
    log_id,
)
from proxy.jobs.captures.exchanges import demand_log, records
from proxy.jobs.captures.window import END, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a cut made. `straddling`: what was under way, at which edge, and whether it belongs to the window."""

    log: str
    records: int
    size: int
    since: int
    until: int
    straddling: Counter[tuple[str, str, bool]]
    harmed: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One end of a window as it was asked for: a position, or a moment in nanoseconds since 1970."""

    position: int | None = None
    moment_ns: int | None = None


def cut(source: Path, target: Path, since: Bound, until: Bound) -> Cut:
    """Copy what belongs to a window. RefusedError where the target holds anything already."""
    demand_log(source)
    if target.exists() and any(target.iterdir()):
        raise RefusedError(
            "the folder for the new log is not empty",
            where=str(target),
            remedy="name a folder with --out that does not exist yet",
        )
    window = _window_of(source, _position_of(source, since, 0), _position_of(source, until, END))
    first, behind = window.since.position, window.until.position
    log = uuid5(UUID(log_id(source)), f"{first} {behind}")
    private_directory(target)
    with _Copy(target, log, max(window.since.moment_ns, begin_of(source))) as copy:
        harmed = _fill(copy, source, window)
    if not copy.records:
        raise SettingsError(
            "the window holds no record",
            where=f"{source}, positions {first} to {behind}",
            remedy="`parallax capture ls` shows the positions and times that the log spans",
        )
    return Cut(
        log=log.hex,
        records=copy.records,
        size=copy.size,
        since=first,
        until=behind,
        straddling=window.straddling,
        harmed=tuple(harmed),
    )


def _position_of(source: Path, bound: Bound, otherwise: int) -> int:
    """Return the position that a bound means: of a moment, that of the first record logged then or later."""
    if bound.position is not None:
        return bound.position
    if bound.moment_ns is None:
        return otherwise
    for part in records(source):
        if isinstance(part, Record) and part.received_ns + part.legacy_ns >= bound.moment_ns:
            return part.position
    return END


def _window_of(source: Path, since: int, until: int) -> Window:
    if since >= until:
        raise SettingsError(
            "the window ends before it begins",
            where=f"--since {since}, --until {until}",
            remedy="name a later end; both are positions or moments of the log",
        )
    window = Window(since, until)
    behind = 0
    for part in records(source):
        if isinstance(part, Record):
            window.take(part)
            behind = part.end
        if window.is_decided:
            break
    else:
        window.end()
        # What comes later belongs to another cut, also of a log that grows.
        window.until.position = min(until, behind)
    return window


def _fill(copy: "_Copy", source: Path, window: Window) -> list[Skipped]:
    first, behind = window.span
    harmed = []
    for part in records(source):
        if part.position >= behind:
            break
        if isinstance(part, Skipped):
            if part.position >= first:
                harmed.append(part)
                if part.reason not in HARMLESS:
                    copy.leave_out()
        elif window.holds(part.position):
            copy.append(part)
    return harmed


class _Copy:
    """The new log while it is written."""

    def __init__(self, directory: Path, log: UUID, begins_ns: int) -> None:
        self._directory = directory
        self._log = log
        self._begins_ns = begins_ns
        self._seed = seed_of(log.bytes)
        self._descriptor = -1
        self._end = 0
        self._is_harmed = False
        self.records = 0
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._close()

    def leave_out(self) -> None:
        """Note that a part cannot be read: whoever reads the new log is to find it missing there, too."""
        self._is_harmed = True

    def append(self, record: Record) -> None:
        """Copy a record to its own position."""
        try:
            if self._descriptor < 0 or record.position != self._end:
                self._begin(record.position - SEGMENT_HEADER_BYTES)
            self._write(record)
        except OSError as error:
            raise CapacityError(
                f"the new log cannot be written: {error.strerror}",
                where=str(self._directory),
                remedy="make room, remove the folder, and cut again",
            ) from error
        self._end = record.end
        self.records += 1

    def _begin(self, base: int) -> None:
        """Begin a segment; positions that it skips are said to have been lost, or never to have been used."""
        self._close()
        self._descriptor = create_segment(
            self._directory,
            SegmentHeader(
                log=self._log,
                base=base,
                previous_end=base if self._is_harmed and self.records else self._end,
                created_ns=self._begins_ns,
                boot=0,
            ),
        )
        self._is_harmed = False
        self.size += SEGMENT_HEADER_BYTES

    def _write(self, record: Record) -> None:
        head = header(
            record.position,
            record.kind,
            record.connection,
            record.received_ns,
            record.legacy_ns,
            record.overhead_ns,
            record.intent,
            record.request,
            record.reply,
            self._seed,
        )
        rest = memoryview(b"".join((head, record.request, record.reply)))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.size += HEADER_BYTES + len(record.request) + len(record.reply)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
