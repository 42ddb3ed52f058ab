"""Logs for tests: what goes in, and what should come out."""

from pathlib import Path

from proxy.capture.limits import MIB, CaptureLimits
from proxy.capture.reader import CaptureReader
from proxy.capture.record import Record, RecordKind
from proxy.capture.writer import CaptureWriter

SMALL = CaptureLimits(segment_bytes=300, max_bytes=64 * MIB)
COLLECTION = "shop.orders"


def writer_of(directory: Path, limits: CaptureLimits | None = None) -> CaptureWriter:
    return CaptureWriter(directory, opened={"version": "test"}, limits=limits)


def read(writer: CaptureWriter, request: bytes, reply: bytes = b"reply") -> None:
    writer.exchange(
        connection=1,
        received_ns=2,
        legacy_ns=3,
        overhead_ns=4,
        request=request,
        reply=reply,
        collection=COLLECTION,
    )


def write(writer: CaptureWriter, request: bytes, collection: str = COLLECTION) -> int:
    return writer.intent(connection=1, received_ns=2, request=request, collection=collection)


def answer(writer: CaptureWriter, intent: int, reply: bytes) -> None:
    writer.reply(
        connection=1,
        received_ns=2,
        legacy_ns=3,
        overhead_ns=4,
        intent=intent,
        reply=reply,
        collection=COLLECTION,
    )


def all_records(directory: Path) -> list[Record]:
    """Return every record of an undamaged log."""
    reader = CaptureReader(directory)
    records = list(drained(reader))
    skipped = reader.take_skipped()
    reader.close()
    assert not skipped
    return records


def drained(reader: CaptureReader, max_records: int = 1000) -> list[Record]:
    records: list[Record] = []
    while found := reader.poll(max_records):
        records += found
    return records


def payloads(records: list[Record]) -> list[tuple[RecordKind, bytes, bytes]]:
    """Return what the records tell, without the openings."""
    return [
        (record.kind, record.request, record.reply)
        for record in records
        if record.kind is not RecordKind.OPENED
    ]


def abandon(writer: CaptureWriter) -> None:
    """Leave a writer as `kill -9` does: what is buffered is gone, the kernel drops the lock."""
    writer._tail.close()
    writer._lock.release()
