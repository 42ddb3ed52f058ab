"""The phases of a collection, and which of them are built. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Direction(StrEnum):
    """What a flag is about."""

    READS = "reads"
    WRITES = "writes"


class Phase(StrEnum):
    """How far a collection has moved, in this order."""

    OFF = "off"
    """Not captured, so not verified."""
    SHADOW = "shadow"
    """MongoDB answers, the gateway is compared."""
    DUAL = "dual"
    """Of writes: acknowledged once both sides have them."""
    CANARY = "canary"
    """The gateway answers some connections, MongoDB runs too and is compared."""
    GATEWAY = "gateway"
    """The gateway answers all, MongoDB runs too and is compared."""
    CUTOVER = "cutover"


BUILT: Final[Mapping[Direction, frozenset[Phase]]] = MappingProxyType(
    {
        Direction.READS: frozenset({Phase.OFF, Phase.SHADOW, Phase.CANARY, Phase.GATEWAY}),
        Direction.WRITES: frozenset({Phase.SHADOW, Phase.DUAL, Phase.CANARY, Phase.GATEWAY}),
    }
)
"""What a flag may say. Everything else is refused by name, and taken for `shadow` where a file says it all the same."""

SERVING: Final = frozenset({Phase.CANARY, Phase.GATEWAY})
"""The phases in which the gateway answers the application."""

BEYOND_SHADOW: Final = SERVING | {Phase.DUAL}
"""The phases in which the application notices the gateway: it answers, or is waited for. They take evidence."""


def not_built(direction: Direction, phase: Phase) -> str | None:
    """Return why a phase cannot be had, None where it can."""
    if phase in BUILT[direction]:
        return None
    return f"the phase `{phase}` of {direction} is not built yet"
