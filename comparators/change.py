"""One place where two outcomes differ: which kind of change, and of which values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from comparators.canonical import MISSING
from comparators.element import Element, type_name, value_of
from comparators.naming import HIDDEN, general_name


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


@dataclass(frozen=True, slots=True)
class Path:
    """A place in a document, exact and generalised."""

    exact: str = ""
    general: str = ""

    def field(self, name: str) -> "Path":
        return self._with(name, general_name(name))

    def item(self, position: int) -> "Path":
        return self._with(str(position), HIDDEN)

    def _with(self, exact: str, general: str) -> "Path":
        if not self.exact and not self.general:
            return Path(exact, general)
        return Path(f"{self.exact}.{exact}", f"{self.general}.{general}")


ROOT: Final = Path()


def change(
    kind: ChangeKind, at: Path, legacy: Element | None, gateway: Element | None
) -> Difference:
    """Return a difference between two values; None stands for a missing one."""
    return Difference(
        kind=kind,
        path=at.general,
        exact=at.exact,
        legacy_type=type_name(legacy),
        gateway_type=type_name(gateway),
        legacy=value_of(legacy),
        gateway=value_of(gateway),
    )
