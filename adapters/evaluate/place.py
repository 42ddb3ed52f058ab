"""A place in a document that an update is changing: a container that is there, and a way on that is not.

Containers are copied before they are first changed, so the original document stays whole.
Source: MongoDB manual, "$set", section "Behavior"; the refusals were observed on MongoDB 6.0.
"""

from typing import Any, Final

from bson.dbref import DBRef

from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from comparators.canonical import MISSING

PATH_NOT_VIABLE: Final = 28
CANNOT_BACKFILL: Final = 34
MAX_BACKFILL: Final = 1_500_000
INT64_MAX: Final = 2**63 - 1


class Copies:
    """The containers that belong to the new document alone."""

    __slots__ = ("_owned",)

    def __init__(self) -> None:
        # The values keep the identities taken.
        self._owned: dict[int, Any] = {}

    def own(self, container: Any) -> Any:
        """Return a container that may be changed: this one if it is a copy already."""
        if id(container) in self._owned:
            return container
        copy = container.as_doc() if isinstance(container, DBRef) else container.copy()
        self._owned[id(copy)] = copy
        return copy


class Place:
    """A container or plain value, and the names below it that do not exist yet."""

    __slots__ = ("container", "copies", "missing")

    def __init__(self, container: Any, copies: Copies, missing: tuple[str, ...] = ()) -> None:
        self.container = container
        self.copies = copies
        self.missing = missing

    def value(self, name: str) -> Any:
        """Return what lies under a name: MISSING if nothing does."""
        self._advance()
        return MISSING if self.missing else child_of(self.container, name)

    def below(self, name: str) -> "Place":
        """Return the place under a name, whether or not there is something."""
        value = self.value(name)
        if value is MISSING:
            return Place(self.container, self.copies, (*self.missing, name))
        if isinstance(value, dict | list | DBRef):
            value = self.copies.own(value)
            _set(self.container, name, value)
        return Place(value, self.copies)

    def put(self, name: str, value: Any) -> None:
        """Put a value under a name, with all that is missing on the way to it."""
        self._advance()
        self.check(name)
        way = (*self.missing, name)
        for segment in reversed(way[1:]):
            value = {segment: value}
            # Nobody else knows this document.
            self.copies.own(value)
        _set(self.container, way[0], value)

    def remove(self, name: str) -> None:
        """Empty the place under a name; an element of an array becomes null."""
        if isinstance(self.container, list):
            self.container[int(name)] = None
        else:
            self.container.pop(name, None)

    def check(self, name: str) -> None:
        """Refuse a name that nothing can be put under."""
        first = self.missing[0] if self.missing else name
        container = self.container
        if isinstance(container, dict):
            return
        if not isinstance(container, list) or array_position(first) is None:
            raise CommandFailure(
                PATH_NOT_VIABLE, f"Cannot create field {first!r} in a {type_name(container)}"
            )

    def _advance(self) -> None:
        """Step onto what has been made on the way since."""
        while self.missing:
            value = child_of(self.container, self.missing[0])
            if value is MISSING:
                return
            if isinstance(value, dict | list):
                owned = self.copies.own(value)
                _set(self.container, self.missing[0], owned)
                value = owned
            self.container = value
            self.missing = self.missing[1:]


def child_of(container: Any, name: str) -> Any:
    """Return the field or element of a name; MISSING if there is none."""
    if isinstance(container, dict):
        return container.get(name, MISSING)
    if isinstance(container, list):
        position = array_position(name)
        if position is not None and position < len(container):
            return container[position]
    if isinstance(container, DBRef):
        return container.as_doc().get(name, MISSING)
    return MISSING


def array_position(name: str) -> int | None:
    """Return the position that a name stands for in an update, where zeros may lead."""
    if name.isascii() and name.isdecimal() and int(name) <= INT64_MAX:
        return int(name)
    return None


def _set(container: Any, name: str, value: Any) -> None:
    if isinstance(container, dict):
        container[name] = value
        return
    position = int(name)
    lacking = position - len(container)
    if lacking > MAX_BACKFILL:
        raise CommandFailure(CANNOT_BACKFILL, f"can't backfill more than {MAX_BACKFILL} elements")
    if lacking >= 0:
        container.extend([None] * lacking)
        container.append(value)
    else:
        container[position] = value
