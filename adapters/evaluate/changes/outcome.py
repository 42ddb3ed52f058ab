"""What a change makes of a value, besides another value."""

from enum import Enum
from typing import Final


class Effect(Enum):
    """The effects that are no value."""

    NOTHING = "nothing"
    """The place stays as it is, also where there is nothing."""
    REMOVED = "removed"
    """The place becomes empty; an element of an array becomes null."""


NOTHING: Final = Effect.NOTHING
REMOVED: Final = Effect.REMOVED
