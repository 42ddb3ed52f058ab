"""The value of a path that was not given.

Source: Mongoose documentation, "Defaults".
"""

from collections.abc import Mapping
from copy import deepcopy
from types import NoneType
from typing import Any, Final

from adapters.mongoose.making import Making
from adapters.mongoose.schema import SchemaType
from comparators.canonical import MISSING

FUNCTION: Final = "$function"
NONE_AT_ALL: Final = {"$undefined": True}
ARRAYS: Final = frozenset({"Array", "DocumentArray"})
SINGLE: Final = frozenset({NoneType, bool, int, float, str})
"""Types of values that nobody can change."""


def runs_late(kind: SchemaType) -> bool:
    """Return whether the default is a function, which runs once the given values are set.

    So do those of arrays of subdocuments, whatever they are.
    """
    default = kind.options.get("default")
    return kind.instance == "DocumentArray" or (
        isinstance(default, Mapping) and FUNCTION in default
    )


def has_default(kind: SchemaType) -> bool:
    """Return whether a path that is not given gets a value."""
    options = kind.options
    if "default" in options:
        return bool(options["default"] != NONE_AT_ALL)
    return kind.instance in ARRAYS or (options.get("auto") is True and kind.instance == "ObjectId")


def constant_of(kind: SchemaType) -> Any:
    """Return the default of a path that is one value, the same for every document, not cast yet; MISSING for any other."""
    default = kind.options.get("default", MISSING)
    return default if type(default) in SINGLE else MISSING


def default_of(kind: SchemaType, making: Making, document: Mapping[str, Any], at: str) -> Any:
    """Return the default of a path, not cast yet; MISSING where it has none."""
    options = kind.options
    if "default" not in options:
        if kind.instance in ARRAYS:
            return []
        identifier = options.get("auto") is True and kind.instance == "ObjectId"
        return making.new_id() if identifier else MISSING
    default = options["default"]
    if default == NONE_AT_ALL:
        return MISSING
    if not isinstance(default, Mapping) or FUNCTION not in default:
        return deepcopy(default)
    if "value" in default:
        return deepcopy(default["value"])
    match default[FUNCTION]:
        case "Date.now":
            return making.now
        case "uuid":
            return making.new_uuid()
        case "objectid":
            return making.new_id()
        case _:
            return making.called("default", at, document)
