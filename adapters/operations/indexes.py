"""What a unique index holds of a document: its entries, one for each combination MongoDB would index.

A missing field counts as null, unless the index is sparse and has none of its fields, or partial and its
filter leaves the document out. Of an array each element is an entry; an empty one is `undefined`.
Source: MongoDB manual, "Unique Indexes", "Multikey Indexes", "Sparse Indexes".
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.evaluate.match import matcher
from adapters.gateway import Expiry
from adapters.query.collated import collated
from adapters.query.collation import parse_collation
from adapters.query.failures import CommandFailure
from adapters.query.filter import parse_filter
from adapters.sql.keys import LONGEST_EXACT, UNDEFINED, key_of
from comparators.canonical import MISSING
from comparators.collation import collator_of, order_under
from comparators.order import SIMPLE, Collator, ValueOrder, position_of

PARALLEL_ARRAYS: Final = 171
AMBIGUOUS_NAME: Final = 16746
ARRAY_BESIDE_TEXT: Final = 201
LONGEST_KEY: Final = LONGEST_EXACT
ID_INDEX: Final = "_id_"
SPECIAL: Final = frozenset({"text", "hashed", "2d", "2dsphere", "geoHaystack", "columnstore"})

PATHS_KEPT: Final = 4096
"""What paths have in common is asked for each document, and worked out once."""

SINGLE: Final = frozenset({type(None), bool, int, float, str, Int64, ObjectId, DatetimeMS})
"""The commonest types of values that hold no others."""

INVERTED: Final = bytes(range(255, -1, -1))
"""Turns the order of bytes round."""


class Empty:
    """The type of the value that stands for an empty array in an index."""


EMPTY_ARRAY: Final = Empty()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of a unique index, with the values it was made of."""

    index: "Index"
    key: bytes
    values: tuple[Any, ...]

    @property
    def key_value(self) -> dict[str, Any]:
        """The `keyValue` of a duplicate key error; of collated strings it shows the sort keys."""
        return dict(zip(self.index.paths, map(self._shown, self.values), strict=True))

    def _shown(self, value: Any) -> Any:
        if value in (MISSING, EMPTY_ARRAY):
            return None
        collator = self.index.collator
        if collator is not None and isinstance(value, str):
            return collator(value).removesuffix(b"\0").hex()
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index as declared. `admits` tells which documents a partial index holds (None: all)."""

    name: str
    specification: Mapping[str, Any]
    paths: tuple[str, ...]
    plain: bool
    """Ascending or descending keys only: not text, hashed or the like."""
    beside_text: tuple[tuple[str, ...], ...]
    """The paths that stand beside the text in a text index: they may not lead to arrays."""
    unique: bool
    sparse: bool
    admits: Callable[[dict[str, Any]], bool] | None
    collator: Collator | None = None
    """From a string to what it has in common with those that a unique index takes for equal."""

    @property
    def key_pattern(self) -> dict[str, Any]:
        """The declared keys and directions."""
        return dict(self.specification["key"])

    @property
    def order(self) -> ValueOrder:
        """The order of values in it."""
        given = self.specification.get("collation")
        collation = None if given is None else parse_collation(given)
        return SIMPLE if collation is None else order_under(collation)

    @property
    def fields(self) -> frozenset[str]:
        """The first parts of all paths that decide about entries, those of the partial filter included."""
        return frozenset(
            path.split(".", 1)[0]
            for path in (*self.paths, *_paths_of(self.specification.get("partialFilterExpression")))
        )

    @property
    def expiry(self) -> Expiry | None:
        """When its documents go, for a TTL index."""
        after_s = self.specification.get("expireAfterSeconds")
        if after_s is None or len(self.paths) != 1:
            return None
        return Expiry(path=self.paths[0], after_s=int(after_s))

    @property
    def guards(self) -> bool:
        """Whether it may refuse a document: for a duplicate, or for an array in the wrong place."""
        return (
            self.unique
            or bool(self.beside_text)
            or (self.plain and (len(self.paths) > 1 or _names_positions(self.paths)))
        )

    def entries_of(self, document: dict[str, Any]) -> dict[bytes, Entry]:
        """Return the entries of a document by their keys, none unless the index is unique.

        CommandFailure for parallel arrays, arrays beside a text, and numbers in a path that are both the
        position of an element and the name of a field in one, whether or not it is.
        """
        if self.beside_text:
            self._check_beside_text(document)
            return {}
        if not (
            self.unique
            or _names_positions(self.paths)
            or _may_hold_parallel_arrays(document, self.paths)
        ):
            return {}
        if self.admits is not None and not self.admits(document):
            return {}
        found: dict[bytes, Entry] = {}
        start = tuple([(document, parts) for parts in _parts(self.paths)])
        for values in _combinations(start):
            if not self.unique:
                # Every element may hold what refuses the document.
                continue
            if self.sparse and all(value is MISSING for value in values):
                continue
            key = self.key(values)
            found.setdefault(key, Entry(index=self, key=key, values=values))
        if len(found) < 2:
            return found
        # The server enters them in the order of the index, and names the first that is taken.
        return dict(sorted(found.items(), key=lambda item: self.rank(item[1].values)))

    def keys_of(self, document: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield what the index holds of a document; an empty array is EMPTY_ARRAY there."""
        if self.admits is not None and not self.admits(document):
            return
        start = tuple([(document, parts) for parts in _parts(self.paths)])
        for values in _combinations(start):
            if not self.sparse or any(value is not MISSING for value in values):
                yield values

    def key(self, values: tuple[Any, ...]) -> bytes:
        """Return the key of the entry with these values."""
        # No key of a value is the beginning of another's in its class: keys may stand side by side.
        key = b"".join(map(self.part, values))
        return key if len(key) <= LONGEST_KEY else hashlib.sha256(key).digest()

    def part(self, value: Any) -> bytes:
        """Return bytes that are the same for values which the index takes for equal."""
        return UNDEFINED if value is EMPTY_ARRAY else key_of(self._place(value))

    def rank(self, values: tuple[Any, ...]) -> bytes:
        """Return bytes that sort as the values do in the index, strings by their bytes or their collation."""
        parts = zip(map(self.part, values), self.specification["key"].values(), strict=True)
        return b"".join(part if up > 0 else part.translate(INVERTED) for part, up in parts)

    def _place(self, value: Any) -> Any:
        """Return a value in which equal strings are the same."""
        if self.collator is None:
            return value
        if isinstance(value, str):
            return self.collator(value).decode("latin-1")
        if isinstance(value, DBRef):
            value = value.as_doc()
        if isinstance(value, Mapping):
            return {name: self._place(item) for name, item in value.items()}
        return [self._place(item) for item in value] if isinstance(value, list) else value

    def _check_beside_text(self, document: dict[str, Any]) -> None:
        if self.admits is not None and not self.admits(document):
            return
        for path in self.beside_text:
            _array, rest = _entered(_walk(document, path))
            if rest is not DONE and not (rest and position_of(rest[0]) is not None):
                raise CommandFailure(
                    ARRAY_BESIDE_TEXT,
                    "Field of text index contains an array",
                    code_name="CannotBuildIndexKeys",
                )


def is_flat(document: dict[str, Any]) -> bool:
    """Return whether a document certainly holds no array and no other document."""
    return SINGLE.issuperset(map(type, document.values()))


def index_of(specification: Mapping[str, Any]) -> Index:
    """Return an index from its specification."""
    partial = specification.get("partialFilterExpression")
    keys = specification["key"]
    given = specification.get("collation")
    collation = None if given is None else parse_collation(given)
    order = SIMPLE if collation is None else order_under(collation)
    plain = not SPECIAL & set(map(str, keys.values())) and "$**" not in keys
    return Index(
        name=str(specification["name"]),
        specification=specification,
        paths=tuple(keys),
        plain=plain,
        beside_text=_beside_text(keys),
        unique=plain and bool(specification.get("unique")),
        sparse=bool(specification.get("sparse")),
        admits=None if partial is None else matcher(collated(parse_filter(partial), order)),
        collator=None if collation is None else collator_of(collation),
    )


def _beside_text(keys: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    if "text" not in keys.values():
        return ()
    return tuple(tuple(path.split(".")) for path, kind in keys.items() if kind != "text")


def _may_hold_parallel_arrays(document: Mapping[str, Any], paths: tuple[str, ...]) -> bool:
    """Return whether two of the paths begin at values that can hold arrays; this is quick."""
    found = 0
    for name in _beginnings(paths):
        if isinstance(document.get(name), list | dict):
            found += 1
    return found > 1


@lru_cache(maxsize=PATHS_KEPT)
def _beginnings(paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(path.split(".", 1)[0] for path in paths)


@lru_cache(maxsize=PATHS_KEPT)
def _parts(paths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in paths)


Place = tuple[Any, tuple[str, ...]]


def _combinations(places: tuple[Place, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the values an index holds: fields inside one array are taken from the same element."""
    walked = tuple(_walk(*place) for place in places)
    arrays = [place for place in walked if place[1] is not DONE]
    if not arrays:
        yield tuple(value for value, _rest in walked)
        return
    array = arrays[0][0]
    if any(other is not array for other, _rest in arrays):
        raise CommandFailure(
            PARALLEL_ARRAYS, "cannot index parallel arrays", code_name="CannotIndexParallelArrays"
        )
    for element in array or [EMPTY_ARRAY]:
        yield from _combinations(
            tuple(
                place if place[1] is DONE else _into(array, element, place[1]) for place in walked
            )
        )


DONE: Final = ("\0done",)
"""The rest of a path that has come to its value, which is not expanded again."""


def _walk(value: Any, rest: tuple[str, ...]) -> Place:
    """Follow a path to its value, or to an array with the part of the path that goes into it."""
    if rest is DONE:
        return value, DONE
    while True:
        if isinstance(value, list):
            return value, rest
        if not rest:
            return value, DONE
        if isinstance(value, DBRef):
            value = value.as_doc()
        if type(value) is not dict and not isinstance(value, Mapping):
            return MISSING, DONE
        value, rest = value.get(rest[0], MISSING), rest[1:]


def _entered(place: Place) -> Place:
    """Follow a path further while it names the position of an element."""
    value, rest = place
    while rest is not DONE and _is_position(value, rest):
        value, rest = _walk(value[int(rest[0])], rest[1:])
    return value, rest


def _is_position(array: list[Any], rest: tuple[str, ...]) -> bool:
    position = position_of(rest[0]) if rest else None
    return position is not None and position < len(array)


def _into(array: list[Any], element: Any, rest: tuple[str, ...]) -> Place:
    """Return where a path goes on from an element, or from the one whose position it names."""
    if not rest:
        return element, DONE
    named = element.as_doc() if isinstance(element, DBRef) else element
    if _is_position(array, rest):
        if isinstance(named, Mapping) and rest[0] in named:
            raise CommandFailure(AMBIGUOUS_NAME, f"Ambiguous field name in array: {rest[0]!r}")
        value = array[int(rest[0])]
        if len(rest) > 1:
            return value, rest[1:]
        # At the end of a path an element that is an array counts as one value.
        return (EMPTY_ARRAY if value == [] else value), DONE
    return (named, rest) if isinstance(named, Mapping) else (MISSING, DONE)


@lru_cache(maxsize=PATHS_KEPT)
def _names_positions(paths: tuple[str, ...]) -> bool:
    return any(position_of(each) is not None for path in paths for each in path.split(".")[1:])


def _paths_of(partial: Any) -> Iterator[str]:
    """Yield the paths that a partial filter looks at."""
    if not isinstance(partial, Mapping):
        return
    for name, condition in partial.items():
        if not name.startswith("$"):
            yield name
        elif isinstance(condition, list):
            for branch in condition:
                yield from _paths_of(branch)
