"""Damage to a stored document: another value, or a field less."""

from typing import Any

from bson.int64 import Int64

from comparators.canonical import decode, encode


def with_wrong_value(image: bytes, number: int) -> bytes:
    """Return a document with another value of the same type in one field; itself if none can be changed."""
    document = decode(image)
    fields = [
        name for name, value in document.items() if name != "_id" and _other(value) is not None
    ]
    if not fields:
        return image
    name = fields[number % len(fields)]
    return encode({**document, name: _other(document[name])})


def with_lost_field(image: bytes, number: int) -> bytes:
    """Return a document without one of its fields; itself if there is only `_id`."""
    document = decode(image)
    fields = [name for name in document if name != "_id"]
    if not fields:
        return image
    del document[fields[number % len(fields)]]
    return encode(document)


def _other(value: Any) -> Any:
    """Return another value of the same type, None for types that are left alone.

    Dates are: the verifier takes over what the server's clock made up.
    """
    match value:
        case bool():
            return not value
        case str():
            return f"{value}~"
        case Int64():
            return Int64(value ^ 1)
        case int():
            return value ^ 1
        case float():
            return value + 1.5
        case _:
            return None
