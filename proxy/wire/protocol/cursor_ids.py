"""Whose a cursor is, by its number. Pure.

The gateway's end in sixteen bits that no more than one of 65,536 of MongoDB's has: so one that goes on after the cut-over is asked where
it was opened.
"""

from typing import Final

from comparators.raw import ARRAY, INT64, elements
from proxy.wire.protocol.framing import OP_MSG, Frame
from proxy.wire.protocol.message import Request, body_at

_MARK: Final = 0x50A7
_BITS: Final = 0xFFFF


def marked(number: int) -> int:
    """Return a number of the gateway's; 0 means none at all."""
    return number & ~_BITS | _MARK


def is_foreign(frame: Frame, request: Request) -> bool:
    """Return whether a request is about cursors, and none of them is the gateway's."""
    if request.command not in {"getMore", "killCursors"} or frame.opcode != OP_MSG:
        return False
    named = list(_named(frame.raw, request.command))
    return bool(named) and all(number & _BITS != _MARK for number in named)


def _named(raw: bytes, command: str) -> list[int]:
    for field in elements(raw, body_at(raw)):
        if command == "getMore" and field.name == b"getMore" and field.type == INT64:
            return [_number(raw, field.value_at)]
        if field.name == b"cursors" and field.type == ARRAY:
            return [
                _number(raw, each.value_at)
                for each in elements(raw, field.value_at)
                if each.type == INT64
            ]
    return []


def _number(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], "little", signed=True)
