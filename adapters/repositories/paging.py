"""Pages of a list: what is on one, and from where the next goes on.

A cursor holds the values that the last document of a page sorts by. It is opaque to whoever gets it, and stays right
while documents are written: nothing is shown twice or left out, unless what it sorts by changes meanwhile.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.errors import InvalidBSON

from comparators.canonical import CODEC, MISSING
from comparators.errors import RefusedError

Document = dict[str, Any]

ORDER: Final = (
    ("minKey",),
    ("null", "undefined"),
    ("int", "long", "double", "decimal"),
    ("string", "symbol"),
    ("object",),
    ("array",),
    ("binData",),
    ("objectId",),
    ("bool",),
    ("date",),
    ("timestamp",),
    ("regex",),
    ("maxKey",),
)
"""The types in the order in which MongoDB sorts them. Source: MongoDB manual, "Comparison/Sort Order"."""
ARRAY_RANK: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorPage:
    """Documents, and the cursor of the page that follows; None where this is the last one."""

    items: Sequence[Document]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPage:
    """Documents of the page with this number, counted from 1; `total` is how many there are on all `pages`."""

    items: Sequence[Document]
    page: int
    pages: int
    total: int


def sort_with_id(sort: Mapping[str, int]) -> dict[str, int]:
    """Return a sort that leaves no ties: the `_id` follows, in the direction of the last path."""
    made = dict(sort)
    made.setdefault("_id", next(reversed(made.values()), 1))
    return made


def check_shown(
    projection: Mapping[str, Any] | str | None,
    sort: Mapping[str, int],
    hidden: frozenset[str],
) -> None:
    """Raise RefusedError for a sort by what the documents of a page will not hold: a cursor could not tell it."""
    for path in sort:
        if _is_below(path, hidden) or not _shows(projection, path):
            raise _unusable(f"pages by cursor need {path!r}, which is left out")


def _shows(projection: Mapping[str, Any] | str | None, path: str) -> bool:
    asked = projection or {}
    if isinstance(asked, str):
        asked = {name.removeprefix("-"): not name.startswith("-") for name in asked.split()}
    values = {name: value for name, value in asked.items() if not name.startswith("+")}
    if path == "_id":
        return bool(values.get("_id", True))
    named = [name for name, value in values.items() if name != "_id" and bool(value)]
    if named:
        return _is_below(path, named)
    return not _is_below(path, values)


def _is_below(path: str, names: Iterable[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)


def check_page(number: int, size: int) -> None:
    """Raise RefusedError for a page that cannot be."""
    if number < 1 or size < 1:
        raise RefusedError(
            f"there is no page {number} of {size} documents",
            where="page",
            remedy="count pages from 1, and let them hold a document at least",
        )


def cursor_after(document: Mapping[str, Any], sort: Mapping[str, int]) -> str:
    """Return the cursor that goes on behind a document."""
    values = [_value_at(document, path) for path in sort]
    body = {"s": dict(sort), "v": values}
    return base64.urlsafe_b64encode(bson.encode(body, codec_options=CODEC)).decode().rstrip("=")


def condition_after(cursor: str, sort: Mapping[str, int]) -> Document:
    """Return the filter for what is behind a cursor; RefusedError for one of another sort, or of nobody's making."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        body = bson.decode(raw, codec_options=CODEC)
        same = list(body["s"].items()) == list(sort.items())
        values = list(body["v"])
    except (binascii.Error, ValueError, InvalidBSON, KeyError, AttributeError, TypeError) as error:
        raise _unusable("the cursor is none of ours") from error
    if not same or len(values) != len(sort):
        raise _unusable("the cursor belongs to another sort")
    return _behind(list(sort.items()), values)


def _behind(sort: Sequence[tuple[str, int]], values: Sequence[Any]) -> Document:
    """Return: further in the first path, or the same there and further in those that follow."""
    branches: list[Document] = []
    for at, (path, direction) in enumerate(sort):
        same = [_same(each, value) for (each, _), value in zip(sort[:at], values, strict=False)]
        further = _further(path, direction, values[at])
        branches += [{"$and": [*same, each]} if same else each for each in further]
    return {"$or": branches} if branches else {"$nor": [{}]}


def _same(path: str, value: Any) -> Document:
    return {path: {"$eq": value}}


def _further(path: str, direction: int, value: Any) -> list[Document]:
    """Return what comes behind a value, one filter for each way: comparisons see values of the same type alone."""
    rank = _rank(value)
    beyond = ORDER[rank + 1 :] if direction > 0 else ORDER[:rank]
    found: list[Document] = []
    if value is not None:
        found.append({path: {"$gt" if direction > 0 else "$lt": value}})
    if direction < 0 and rank > 1:
        # What is not there sorts as null.
        found.append({path: None})
        beyond = (*ORDER[:1], *ORDER[2:rank])
    types = [name for names in beyond for name in names]
    if types:
        found.append({path: {"$type": types}})
    return found


def _rank(value: Any) -> int:
    kind = bson.encode({"": value}, codec_options=CODEC)[4]
    name = TYPES.get(kind)
    for rank, names in enumerate(ORDER):
        if name in names and rank != ARRAY_RANK:
            return rank
    raise _unusable("pages by cursor cannot follow an array")


def _value_at(document: Any, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name, MISSING) if isinstance(value, Mapping) else MISSING
    if isinstance(value, list):
        raise _unusable(f"pages by cursor cannot follow {path!r}, which holds an array")
    return None if value is MISSING else value


def _unusable(what: str) -> RefusedError:
    return RefusedError(what, where="cursor", remedy="begin with the first page, or page by offset")


TYPES: Final[Mapping[int, str]] = {
    0x01: "double",
    0x02: "string",
    0x03: "object",
    0x04: "array",
    0x05: "binData",
    0x07: "objectId",
    0x08: "bool",
    0x09: "date",
    0x0A: "null",
    0x0B: "regex",
    0x10: "int",
    0x11: "timestamp",
    0x12: "long",
    0x13: "decimal",
    0x7F: "maxKey",
    0xFF: "minKey",
}
