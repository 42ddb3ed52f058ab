"""Command shapes: a file with one JSON object a line, each a command as an application sent it.

A line has `command`, `collection`, `shape` (the structure, with the type of each value) and `example` (the command in
relaxed Extended JSON, which does not tell a double from an integer: the shape does).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson.codec_options import DatetimeConversion
from bson.json_util import JSONMode, JSONOptions, object_hook

Document = dict[str, Any]

_OPTIONS = JSONOptions(
    json_mode=JSONMode.RELAXED,
    document_class=dict,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One line of the file; `collection` is empty for a command of a whole transaction."""

    number: int
    command: str
    collection: str
    example: Document


def read_shapes(file: Path) -> list[Shape]:
    """Return the shapes of a file, with values of the types that were sent."""
    return list(_read(file))


def _read(file: Path) -> Iterator[Shape]:
    with file.open() as lines:
        for number, line in enumerate(lines, 1):
            read = json.loads(line)
            example = _typed(read["example"], read["shape"])
            yield Shape(
                number=number,
                command=read["command"],
                collection=read["collection"] or "",
                example=json.loads(
                    json.dumps(example), object_hook=lambda item: object_hook(item, _OPTIONS)
                ),
            )


def _typed(value: Any, shape: Any) -> Any:
    """Return a value with whole numbers as doubles where the shape says so."""
    if isinstance(value, dict) and isinstance(shape, dict):
        return {name: _typed(item, shape.get(name)) for name, item in value.items()}
    if isinstance(value, list) and isinstance(shape, list):
        return [_typed(item, _shape_of(item, shape)) for item in value]
    if shape == "float" and isinstance(value, int) and not isinstance(value, bool):
        return {"$numberDouble": str(value)}
    return value


def _shape_of(item: Any, shapes: list[Any]) -> Any:
    """Return which of the shapes of an array's elements is that of one element."""
    if isinstance(item, dict):
        fitting = [each for each in shapes if isinstance(each, dict) and set(each) == set(item)]
        return fitting[0] if fitting else None
    if isinstance(item, list):
        return next((each for each in shapes if isinstance(each, list)), None)
    return "float" if "float" in shapes and "int" not in shapes else None
