"""A random program as a value: what is stored, how it is indexed, and the operations that follow."""

from dataclasses import dataclass, field
from typing import Any, Final

from comparators.operation import Kind

Document = dict[str, Any]

THINGS: Final = "things"
"""The collection that a program is about."""
OTHERS: Final = "others"
"""The collection that its pipelines join."""

WRITES: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation: a case."""

    kind: Kind
    arguments: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Documents as they are inserted, specifications of indexes, and steps in their order."""

    documents: list[Document]
    steps: list[Step]
    others: list[Document] = field(default_factory=list)
    indexes: list[Document] = field(default_factory=list)
