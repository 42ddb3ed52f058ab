"""Whether what an update sets fits the schema; asked for by an option, as in Mongoose.

Source: Mongoose documentation, "Validation", section "Update Validators".
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.mongoose.errors import ValidationError
from adapters.mongoose.filters import holder_of
from adapters.mongoose.making import Making
from adapters.mongoose.schema import Schema
from adapters.mongoose.validation import validate_value
from comparators.canonical import MISSING

SETTING: Final = ("$set", "$setOnInsert")
"""The operators whose values are validated; of `$unset` it is whether a path is required."""


def validate_update(schema: Schema, update: Mapping[str, Any], making: Making) -> None:
    """Raise a ValidationError for paths that would no longer fit the schema."""
    for operator in SETTING:
        for path, value in update.get(operator, {}).items():
            _validate(schema, path, value, making)
    for path in update.get("$unset", {}):
        _validate(schema, path, MISSING, making)
    if making.problems:
        raise ValidationError.of(making.model, making.problems)


def _validate(schema: Schema, path: str, value: Any, making: Making) -> None:
    if path in schema.nested and isinstance(value, Mapping):
        for name, item in value.items():
            _validate(schema, f"{path}.{name}", item, making)
        return
    kind, rest = holder_of(schema, path)
    # Mongoose does not look into maps here.
    if kind is not None and not rest and kind.instance != "Map":
        validate_value(kind, value, {}, making, path)
