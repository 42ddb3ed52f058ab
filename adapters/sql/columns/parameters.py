"""The values of a condition, under names that depend on its shape only; and what is said of its parts."""

from typing import Any, Final, NamedTuple

from adapters.sql.columns.condition import EVERYTHING, NOTHING, Condition, all_of, any_of


class Parameters:
    """Values, named p0, p1 and so on in the order in which they were met."""

    def __init__(self, prefix: str = "p") -> None:
        self.values: dict[str, Any] = {}
        self._prefix = prefix

    def take(self, value: Any) -> str:
        """Return the name of a new parameter."""
        name = f"{self._prefix}{len(self.values)}"
        self.values[name] = value
        return name


class Part(NamedTuple):
    """The condition for a part of a filter, and whether it selects nothing but matches."""

    condition: Condition
    exact: bool


UNSAID: Final = Part(EVERYTHING, exact=False)
"""Nothing can be said: every row may match."""


def exactly(condition: Condition) -> Part:
    """Return a part that is exact."""
    return Part(condition, exact=True)


def roughly(condition: Condition) -> Part:
    """Return a part that may select too much."""
    return Part(condition, exact=False)


def all_parts(parts: list[Part]) -> Part:
    """Return the part in which all hold; of what cannot be said, nothing is said."""
    # There is one EVERYTHING, and comparing trees takes time.
    said = [part.condition for part in parts if part.condition is not EVERYTHING]
    exact = all(part.exact for part in parts)
    return Part(all_of(said), exact)


def any_part(parts: list[Part]) -> Part:
    """Return the part in which one holds."""
    if any(part.condition is EVERYTHING and not part.exact for part in parts):
        return UNSAID
    said = [part.condition for part in parts if part.condition is not NOTHING]
    return Part(any_of(said), all(part.exact for part in parts))
