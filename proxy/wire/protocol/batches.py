"""Results that come in batches from two sides at once: what a batch holds, and whether both are in step. Pure.

Two batches are in step where they hold as many documents, and each the same one as the other's at its place: the same bytes, or the same
`_id` where it was changed between the two readings. Then either side can go on where the other one stopped.
"""

from collections.abc import Iterator
from itertools import zip_longest
from struct import Struct
from typing import Final, NamedTuple

import bson

from comparators.raw import ARRAY, DOCUMENT, Element, document_end, elements
from proxy.wire.protocol.framing import Frame
from proxy.wire.protocol.message import body_at

_INT64: Final = Struct("<q")
_NUMBER: Final = 0x12
_BATCHES: Final = frozenset({b"firstBatch", b"nextBatch"})
_GET_MORE: Final = b"getMore"


class Batch(NamedTuple):
    """The cursor of a reply, and where its documents lie."""

    raw: bytes
    cursor: int
    """0 where nothing is left."""
    cursor_at: int
    documents_at: int
    documents_end: int

    def of_cursor(self, cursor: int) -> bytes:
        """Return the reply with another number in place of the cursor's."""
        return with_number(self.raw, self.cursor_at, cursor)


class ReadOn(NamedTuple):
    """What a `getMore` reads."""

    cursor: int
    cursor_at: int


def batch_of(frame: Frame) -> Batch | None:
    """Return the batch that a reply holds, None for one without."""
    raw = frame.raw
    try:
        for field in elements(raw, body_at(raw)):
            if field.name == b"cursor" and field.type == DOCUMENT:
                return _batch(raw, field)
    except (ValueError, IndexError):
        # The client will say what it thinks of it.
        return None
    return None


def are_in_step(some: Batch, others: Batch) -> bool:
    """Return whether two batches hold the same documents in the same order, whatever else became of each."""
    own = some.raw[some.documents_at : some.documents_end]
    their = others.raw[others.documents_at : others.documents_end]
    if own == their:
        return True
    try:
        pairs = zip_longest(elements(own), elements(their))
        return all(_are_same(own, one, their, other) for one, other in pairs)
    except (ValueError, IndexError):
        return False


def read_by(frame: Frame) -> ReadOn | None:
    """Return which cursor a `getMore` reads, None for what is none."""
    raw = frame.raw
    try:
        first = next(elements(raw, body_at(raw)), None)
    except (ValueError, IndexError):
        return None
    if first is None or first.name != _GET_MORE or first.type != _NUMBER:
        return None
    return ReadOn(_INT64.unpack_from(raw, first.value_at)[0], first.value_at)


def killed_by(frame: Frame) -> tuple[int, ...]:
    """Return the cursors that a `killCursors` closes."""
    raw = frame.raw
    try:
        start = body_at(raw)
        command = bson.decode(raw[start : document_end(raw, start)])
    except (ValueError, IndexError, bson.errors.InvalidBSON):
        return ()
    named = command.get("cursors")
    return tuple(each for each in named if isinstance(each, int)) if isinstance(named, list) else ()


def with_number(raw: bytes, at: int, number: int) -> bytes:
    """Return a message with another number at an offset."""
    return b"".join((raw[:at], _INT64.pack(number), raw[at + 8 :]))


def _batch(raw: bytes, cursor: Element) -> Batch | None:
    number = at = documents_at = documents_end = 0
    for field in elements(raw, cursor.value_at):
        if field.name == b"id" and field.type == _NUMBER:
            number, at = _INT64.unpack_from(raw, field.value_at)[0], field.value_at
        elif field.name in _BATCHES and field.type == ARRAY:
            documents_at, documents_end = field.value_at, field.end
    return Batch(raw, number, at, documents_at, documents_end) if at and documents_at else None


def _are_same(own: bytes, one: Element | None, their: bytes, other: Element | None) -> bool:
    if one is None or other is None or one.type != DOCUMENT or other.type != DOCUMENT:
        return False
    if own[one.value_at : one.end] == their[other.value_at : other.end]:
        return True
    identifier = _identifier(own, one)
    return identifier is not None and identifier == _identifier(their, other)


def _identifier(raw: bytes, document: Element) -> bytes | None:
    found: Iterator[bytes] = (
        raw[field.start : field.end]
        for field in elements(raw, document.value_at)
        if field.name == b"_id"
    )
    return next(found, None)
