"""Arrays as PostgreSQL writes them: how an array travels inside of an array.

PostgreSQL's arrays of arrays must be rectangles, so the arrays of several rows cannot be one parameter.
Source: PostgreSQL manual, "Arrays", section "Array Input and Output Syntax"; "Date/Time Input".
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isinf
from typing import Any, Final
from uuid import UUID

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.expressions.calendar import broken_down


def array_text(values: Sequence[Any] | None) -> str | None:
    """Return an array of plain values as text; None for NULL."""
    if values is None:
        return None
    return "{" + ",".join([_quoted(WRITERS[type(value)](value)) for value in values]) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _double(value: float) -> str:
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _timestamp(value: DatetimeMS) -> str:
    moment = broken_down(int(value))
    year = moment.year if moment.year > 0 else 1 - moment.year
    day = f"{year:04}-{moment.month:02}-{moment.day:02}"
    clock = f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}.{moment.millisecond:03}"
    return f"{day} {clock}+00{'' if moment.year > 0 else ' BC'}"


WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: lambda value: value,
    int: str,
    float: _double,
    bool: lambda value: "true" if value else "false",
    Decimal: str,
    DatetimeMS: _timestamp,
    UUID: str,
    bytes: lambda value: f"\\x{value.hex()}",
}
