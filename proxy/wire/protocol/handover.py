"""What the relay says first on a connection to the process that answers in its stead: whom it brings.

One line of JSON, on a socket that belongs to the relay's user alone; a driver's messages follow behind it.
"""

import json
from typing import Final, NamedTuple

MAX_LINE_BYTES: Final = 4096


class Handover(NamedTuple):
    """A client as the relay knows it."""

    peer: str
    """Its address."""
    reached: str
    """The address that it has connected to."""
    user: str = ""
    """Who has logged in on MongoDB already; empty for nobody."""
    asks: bool = False
    """Whether it is the relay itself, which asks how much MongoDB still lacks."""


def line_of(handover: Handover) -> bytes:
    """Return the line."""
    return json.dumps(handover._asdict()).encode() + b"\n"


def handed(line: bytes) -> Handover:
    """Return who is brought; ValueError for anything else."""
    told = json.loads(line)
    if not isinstance(told, dict):
        message = "no object"
        raise ValueError(message)  # noqa: TRY004 - it is the text that is wrong
    return Handover(
        peer=str(told.get("peer")),
        reached=str(told.get("reached")),
        user=str(told.get("user", "")),
        asks=bool(told.get("asks")),
    )
