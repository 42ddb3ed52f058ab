"""The shape of a message, for flags that look at it."""

import struct
from typing import Final

from bson.errors import InvalidBSON

from comparators.shape import shape_of
from proxy.request import operation_of, read_request

_UNDECODABLE: Final = (InvalidBSON, KeyError, TypeError, ValueError, struct.error)


def shape_in(message: bytes) -> str:
    """Return the id of the shape, as the report has it; empty for what is no command."""
    try:
        return shape_of(operation_of(read_request(message))).id
    except _UNDECODABLE:
        return ""
