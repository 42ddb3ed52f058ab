"""Arguments that hold nothing: left out, null or missing."""

from enum import Enum
from typing import Any, Final

from comparators.canonical import MISSING


class Absent(Enum):
    """The type of the one value that stands for an argument left out."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


def is_nullish(value: Any) -> bool:
    """Return whether a value is null or missing."""
    return value is None or value is MISSING
