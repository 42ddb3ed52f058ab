"""What a sample of documents shows of each path: types, lengths, how often. It keeps no value, only hashes of some."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.entities.entity import Column, ColumnType
from adapters.entities.values import HOLDERS, held
from adapters.query.types import TYPE_NAMES, type_number
from adapters.sql.keys import key_of

MOST_COUNTED: Final = 1000
"""Beyond, distinct values are not told apart any more."""

LONGEST_COUNTED: Final = 256
ELEMENT_TYPES: Final = tuple(
    kind for kind in ColumnType if kind not in {ColumnType.VARCHAR, ColumnType.JSONB}
)


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What was seen at one path."""

    seen: int = 0
    types: Counter[str] = field(default_factory=Counter)
    """How often each BSON type was seen; UUIDs are told from other binaries as `uuid`."""
    fits: Counter[ColumnType] = field(default_factory=Counter)
    """How many values a column of each type holds; of arrays, how many an array of this type holds."""
    shortest: int | None = None
    longest: int = 0
    """Characters of strings, elements of arrays."""
    empty: int = 0
    """Arrays without elements, which every array column holds."""
    hashes: set[int] = field(default_factory=set)
    fields: dict[str, "Evidence"] = field(default_factory=dict)
    elements: "Evidence | None" = None
    """What was seen of the elements of arrays, if one of them was a document."""

    def add(self, value: Any) -> None:
        """Take note of a value."""
        self.seen += 1
        self.types[_type_of(value)] += 1
        if isinstance(value, dict):
            for name, item in value.items():
                self.fields.setdefault(name, Evidence()).add(item)
        elif isinstance(value, list):
            self._measure(len(value))
            self._add_array(value)
        elif value is not None:
            if isinstance(value, str):
                self._measure(len(value))
            self._add_scalar(value)

    @property
    def nulls(self) -> int:
        return self.types["null"]

    @property
    def distinct(self) -> int:
        """How many values were told apart, up to MOST_COUNTED."""
        return len(self.hashes)

    def _measure(self, length: int) -> None:
        self.shortest = length if self.shortest is None else min(self.shortest, length)
        self.longest = max(self.longest, length)

    def _add_scalar(self, value: Any) -> None:
        for kind in ELEMENT_TYPES:
            if HOLDERS[kind](value) is not None:
                self.fits[kind] += 1
        if len(self.hashes) < MOST_COUNTED and not (
            isinstance(value, str) and len(value) > LONGEST_COUNTED
        ):
            self.hashes.add(hash(key_of(value)))

    def _add_array(self, value: list[Any]) -> None:
        if not value:
            self.empty += 1
            return
        if self.elements is not None or any(type(each) is dict for each in value):
            self.elements = self.elements or Evidence()
            for each in value:
                self.elements.add(each)
        for kind in ELEMENT_TYPES:
            # The first element rules most types out.
            if HOLDERS[kind](value[0]) is not None:
                column = Column(name="", path=(), type=kind, array=True)
                self.fits[kind] += held(column, value) is not None


@dataclass(slots=True, kw_only=True)
class Sample:
    """What was seen of a collection."""

    documents: int = 0
    root: Evidence = field(default_factory=Evidence)

    def add(self, document: Mapping[str, Any]) -> None:
        """Take note of a document."""
        self.documents += 1
        self.root.add(dict(document))


def _type_of(value: Any) -> str:
    if HOLDERS[ColumnType.UUID](value) is not None:
        return "uuid"
    return TYPE_NAMES[type_number(value)]
