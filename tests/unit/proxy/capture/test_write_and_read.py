"""What is written is what is read, whatever happens in between."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from proxy.capture.reader import CaptureReader
from proxy.capture.record import HEADER_BYTES, Harm, RecordKind, header, seed_of
from proxy.capture.retention import remove_below
from proxy.capture.segment import bases, segment_path
from tests.unit.proxy.capture.logs import SMALL, abandon, answer, drained, read, write, writer_of

Story = list[tuple[RecordKind, bytes, bytes]]
LONGEST_MESSAGE = 150
messages = st.binary(max_size=LONGEST_MESSAGE)


class WriteAndRead(RuleBasedStateMachine):
    """Relays that come and go, and a verifier that comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self._place = tempfile.TemporaryDirectory()
        self.directory = Path(self._place.name) / "capture"
        self.on_disk: Story = []
        self.buffered: Story = []
        self.found: Story = []
        self.torn = 0
        self.skipped = 0
        self.unanswered: list[int] = []

    @initialize()
    def begin(self) -> None:
        self.writer = writer_of(self.directory, SMALL)
        self.opened()
        self.reader = CaptureReader(self.directory)

    def opened(self) -> None:
        payload = self.writer_opening()
        self.on_disk.append((RecordKind.OPENED, payload, b""))

    def writer_opening(self) -> bytes:
        return b"\x17\x00\x00\x00\x02version\x00\x05\x00\x00\x00test\x00\x00"

    @rule(request=messages)
    def write(self, request: bytes) -> None:
        self.unanswered.append(write(self.writer, request))
        self.buffered.append((RecordKind.INTENT, request, b""))
        self.settle()

    @rule(reply=messages)
    def answer(self, reply: bytes) -> None:
        if self.unanswered:
            answer(self.writer, self.unanswered.pop(0), reply)
            self.buffered.append((RecordKind.REPLY, b"", reply))

    @rule(request=messages, reply=messages)
    def exchange(self, request: bytes, reply: bytes) -> None:
        read(self.writer, request, reply)
        self.buffered.append((RecordKind.EXCHANGE, request, reply))

    @rule()
    def close_connection(self) -> None:
        self.writer.closed(connection=1, received_ns=2)
        self.buffered.append((RecordKind.CLOSED, b"", b""))

    @rule()
    def flush(self) -> None:
        self.writer.flush()
        self.settle()

    @rule()
    def restart(self) -> None:
        self.writer.close()
        self.settle()
        self.writer = writer_of(self.directory, SMALL)
        self.opened()

    @rule(request=messages, written=st.integers(0, HEADER_BYTES + LONGEST_MESSAGE))
    def kill(self, request: bytes, written: int) -> None:
        """Leave a torn record behind, as a process does that dies within its system call.

        Nothing is drawn in here: an example that ends in the middle would leave the writer abandoned.
        """
        abandon(self.writer)
        self.buffered.clear()
        base = bases(self.directory)[-1]
        path = segment_path(self.directory, base)
        position = base + path.stat().st_size
        head = header(
            position,
            RecordKind.INTENT,
            1,
            2,
            3,
            4,
            0,
            request,
            b"",
            seed_of(bytes.fromhex(self.writer.log)),
        )
        whole = head + request
        torn = whole[: written % len(whole)]
        with path.open("ab") as file:
            file.write(torn)
        self.torn += bool(torn)
        self.writer = writer_of(self.directory, SMALL)
        self.opened()

    @rule(max_records=st.integers(1, 7))
    def poll(self, max_records: int) -> None:
        self.take(max_records)

    @rule()
    def resume(self) -> None:
        self.reader.close()
        self.reader = CaptureReader(self.directory, self.reader.position)

    @rule()
    def remove_verified(self) -> None:
        remove_below(self.directory, self.reader.position)

    @invariant()
    def nothing_is_invented_or_changed(self) -> None:
        assert self.found == self.on_disk[: len(self.found)]

    def teardown(self) -> None:
        if hasattr(self, "reader"):
            self.writer.close()
            self.settle()
            drains = drained(self.reader)
            self.found += [(record.kind, record.request, record.reply) for record in drains]
            self.count_skipped()
            self.reader.close()
            assert self.found == self.on_disk
            assert self.skipped == self.torn
        self._place.cleanup()

    def take(self, max_records: int) -> None:
        records = self.reader.poll(max_records)
        assert len(records) <= max_records
        self.found += [(record.kind, record.request, record.reply) for record in records]
        self.count_skipped()

    def count_skipped(self) -> None:
        skipped = self.reader.take_skipped()
        assert all(part.reason is Harm.TORN for part in skipped)
        self.skipped += len(skipped)

    def settle(self) -> None:
        self.on_disk += self.buffered
        self.buffered.clear()


TestWriteAndRead = WriteAndRead.TestCase
TestWriteAndRead.settings = settings(max_examples=60, stateful_step_count=40)
