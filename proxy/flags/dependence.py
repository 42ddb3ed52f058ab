"""What a flag looks at, so that its answer is asked for as seldom as can be. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Self

SESSION: Final = "session"
SHAPE: Final = "shape"
_KEY: Final = "targetingKey"
VARIABLES: Final = frozenset({SESSION, SHAPE, _KEY})
"""What differs between the operations of one connection that are of one command and one collection."""

Mentions = frozenset[str] | None
"""The variables of a flag; None where there is no such flag."""


class Dependence(NamedTuple):
    """Whether the phase differs between sessions, and between shapes."""

    on_session: bool
    on_shape: bool

    @classmethod
    def of(cls, mentioned: Mentions) -> Self:
        """Return what follows from the variables of a flag."""
        found = mentioned or frozenset()
        return cls(bool(found & {SESSION, _KEY}), SHAPE in found)


def mentioned_by(document: Mapping[str, Any], key: str) -> Mentions:
    """Return the variables that a flag of a file asks for, as far as they matter here."""
    flag = document.get("flags", {}).get(key)
    if flag is None:
        return None
    targeting = flag.get("targeting")
    if not targeting:
        return frozenset()
    names = set(_names(targeting))
    if "$ref" in names:
        names |= set(_names(document.get("$evaluators", {})))
    if "fractional" in names:
        # Spreads by the key unless it is told otherwise.
        names.add(_KEY)
    return frozenset(names) & VARIABLES


def _names(targeting: Any) -> Iterator[str]:
    """Give every word of a rule: one that is no variable only costs an evaluation more."""
    if isinstance(targeting, str):
        yield targeting.partition(".")[0]
    elif isinstance(targeting, Mapping):
        for name, operand in targeting.items():
            yield name
            yield from _names(operand)
    elif isinstance(targeting, list):
        for each in targeting:
            yield from _names(each)
