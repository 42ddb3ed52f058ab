"""The timestamps that a server takes from its clock.

The gateway path cannot know them: it puts a moment near by in their place, and the verifier takes the server's
own over. Source: BSON specification 1.1, "Timestamp"; where the server fills them in was observed on 6.0.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from bson.timestamp import Timestamp

UNSET: Final = Timestamp(0, 0)


def clock_reading(now_ms: int, ordinal: int) -> Timestamp:
    """Return the timestamp of a moment; `ordinal` tells those of one second apart."""
    return Timestamp(max(now_ms, 0) // 1000, ordinal)


def asks_for_clock(document: Mapping[str, Any]) -> bool:
    """Return whether the server fills in a timestamp: a field of the document itself that is Timestamp(0, 0)."""
    return any(
        type(value) is Timestamp and value == UNSET and name != "_id"
        for name, value in document.items()
    )


def with_clock(document: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """Return a document to be stored as it was given, with timestamps where the server puts its own."""
    if not asks_for_clock(document):
        return document
    ordinals = count(1)
    return {
        name: clock_reading(now_ms, next(ordinals))
        if type(value) is Timestamp and value == UNSET and name != "_id"
        else value
        for name, value in document.items()
    }
