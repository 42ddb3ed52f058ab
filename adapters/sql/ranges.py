"""The rows whose `_id`s lie in a range, in MongoDB's order of values.

A key of ours orders as MongoDB orders the `_id`s. In a mapped table the primary key may be of one type only: the `_id`s
of all other types have drifted, their keys order by a hash, and only the document tells where they belong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import Identity, IdentityType
from adapters.sql.keys import OBJECT_ID, STRING, key_of
from comparators.canonical import MISSING

LOWER: Final = "lower"
UPPER: Final = "upper"

_CLASSES: Final[Mapping[IdentityType, bytes]] = {
    IdentityType.OBJECTID: OBJECT_ID,
    IdentityType.TEXT: STRING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """The `_id`s from one up to another, which is not among them; MISSING has no bound on that side."""

    lower: Any = MISSING
    upper: Any = MISSING

    def holds(self, identifier: Any) -> bool:
        """Return whether an `_id` lies in the range."""
        key = key_of(identifier)
        above = self.lower is MISSING or key >= key_of(self.lower)
        return above and (self.upper is MISSING or key < key_of(self.upper))


class Side(StrEnum):
    """What a bound asks of the rows that have not drifted."""

    ALL = "all"
    KEY = "key"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A condition on primary keys, without its values."""

    lower: Side
    upper: Side

    def conditions(self, identity: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """Return what a primary key has to fulfil."""
        if Side.NONE in {self.lower, self.upper}:
            return [sa.false()]
        found = []
        if self.lower is Side.KEY:
            found.append(identity >= sa.bindparam(LOWER, type_=identity.type))
        if self.upper is Side.KEY:
            found.append(identity < sa.bindparam(UPPER, type_=identity.type))
        return found


def within(bounds: IdRange, identity: Identity | None) -> tuple[Within, dict[str, Any]]:
    """Return the condition of a range and its values; `identity` is that of a mapped table."""
    lower, least = _side(bounds.lower, identity, after=Side.NONE, before=Side.ALL)
    upper, most = _side(bounds.upper, identity, after=Side.ALL, before=Side.NONE)
    values = {
        name: value
        for name, side, value in ((LOWER, lower, least), (UPPER, upper, most))
        if side is Side.KEY
    }
    return Within(lower=lower, upper=upper), values


def _side(bound: Any, identity: Identity | None, *, after: Side, before: Side) -> tuple[Side, Any]:
    """Return what a bound asks; `after` and `before` are for one of a type behind or in front of the keys'."""
    if bound is MISSING:
        return Side.ALL, None
    key = key_of(bound)
    of_keys = None if identity is None else _CLASSES.get(identity.type)
    if of_keys is None:
        return Side.KEY, key
    if key[:1] != of_keys:
        return (after if key > of_keys else before), None
    return Side.KEY, bound if isinstance(bound, str) else bound.binary
