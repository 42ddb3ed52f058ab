"""An `_id` as a primary key, and back where the key tells it."""

import hashlib
from typing import Any, Final, NamedTuple

from bson.objectid import ObjectId

from adapters.entities.entity import Identity, IdentityType
from adapters.entities.tags import Tag
from adapters.sql.keys import LONGEST_EXACT, key_of

ESCAPE_BYTE: Final = b"\xff"
"""In front of the hash of an `_id` that is no ObjectId: 33 bytes, where an ObjectId has 12."""

ESCAPE_CHARACTER: Final = "\x01"


class Key(NamedTuple):
    """The primary key of an `_id`; `drifts` tells that it is not of the type that the map expects."""

    value: Any
    tag: Tag
    drifts: bool


def identity_key(identity: Identity, value: Any) -> Key:
    """Return the primary key of an `_id`: equal for exactly those that MongoDB holds for equal.

    Where it does not drift, keys also order as MongoDB orders the `_id`s.
    """
    match identity.type:
        case IdentityType.OBJECTID:
            if type(value) is ObjectId:
                return Key(value.binary, Tag.NATURAL, False)
            return Key(ESCAPE_BYTE + _hash(value).digest(), Tag.OVERFLOW, True)
        case IdentityType.TEXT:
            if type(value) is str and _is_plain(value):
                return Key(value, Tag.NATURAL, False)
            return Key(ESCAPE_CHARACTER + _hash(value).hexdigest(), Tag.OVERFLOW, True)
        case IdentityType.KEY:
            return Key(key_of(value), Tag.OVERFLOW, False)


def _is_plain(value: str) -> bool:
    fits = len(value.encode()) <= LONGEST_EXACT
    return fits and "\0" not in value and not value.startswith(ESCAPE_CHARACTER)


def _hash(value: Any) -> "hashlib._Hash":
    return hashlib.sha256(key_of(value))
