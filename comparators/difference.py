"""Where two unequal outcomes differ."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from comparators.canonical import MISSING


class ChangeKind(StrEnum):
    """The kinds of change; the first that fits names a difference."""

    VALUE = "value"
    """Another value of the same type."""
    TYPE = "type"
    """A value of another type, numerically equal or not."""
    MISSING_IN_GATEWAY = "missing_in_gateway"
    """A field or an element that only the legacy path has."""
    EXTRA_IN_GATEWAY = "extra_in_gateway"
    """A field or an element that only the gateway path has."""
    FIELD_ORDER = "field_order"
    """The same fields in another order."""
    ORDER = "order"
    """The same documents in an order that the sort does not allow."""
    COUNT = "count"
    """Another number of documents."""
    ERROR = "error"
    """An error on one side only, or another error."""
    DOCUMENT_MISSING = "document_missing"
    """A document that only the legacy path has."""
    DOCUMENT_EXTRA = "document_extra"
    """A document that only the gateway path has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where the outcomes differ.

    `path` is generalised: elements of arrays and keys that look like values are `*`; `exact` names the
    very place. Types are BSON's aliases (`int`, `long`, `objectId` …) or `missing`. The values stay in
    memory: whoever stores a difference redacts them first.
    """

    kind: ChangeKind
    path: str
    exact: str
    legacy_type: str
    gateway_type: str
    legacy: Any = MISSING
    gateway: Any = MISSING
