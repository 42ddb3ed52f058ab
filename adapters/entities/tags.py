"""What a layout notes of a field: where its value is, and of which BSON type it is if the column cannot tell."""

from enum import StrEnum


class Tag(StrEnum):
    """How the value of a field is found."""

    NATURAL = "n"
    """In its column, of the type that the column naturally stands for."""
    NULL = "z"
    """It is null, and the column is NULL."""
    INT = "i"
    """In its column, as a 32-bit integer."""
    LONG = "l"
    """In its column, as a 64-bit integer."""
    DOUBLE = "d"
    """In its column, as a double."""
    EMPTY = "e"
    """It is an empty document, on the way to columns."""
    OVERFLOW = "o"
    """In the overflow, whatever a column holds beside."""
