"""From the document of `$densify` to a stage.

Source: MongoDB manual, "$densify (aggregation)"; the codes and their order are those of
"src/mongo/db/pipeline/document_source_densify.cpp" in the server's source, and were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.query.expression import Expression, Scope, field_path, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import truncated
from adapters.query.pipeline.tree import Densify, Extent, Path
from adapters.query.pipeline.windows import LONGER_UNITS, UNITS
from adapters.query.types import is_number, type_name, type_number
from adapters.query.unsupported import unsupported
from comparators.order import SIMPLE

FAILED: Final = 9
TYPE_MISMATCH: Final = 14
INVALID: Final = 10065
MISSING_FIELD: Final = 40414
UNKNOWN: Final = 40415
TYPES: Final[Mapping[str, type]] = {"field": str, "partitionByFields": list, "range": Mapping}
TYPES_OF_RANGE: Final[Mapping[str, type]] = {"bounds": object, "step": object, "unit": str}


def parse_densify(value: Any, _scope: Scope) -> Densify:
    """Return the stage; its documents must come sorted by `sort_of` it."""
    if not isinstance(value, Mapping):
        raise CommandFailure(FAILED, "The $densify stage specification must be an object")
    _check(value, TYPES, "$densify", ("field", "range"))
    step, unit, bounds = _range(value["range"])
    partition = [field_path(each) for each in value.get("partitionByFields") or ()]
    path = field_path(value["field"])
    if bounds is Extent.PARTITION and not partition:
        raise CommandFailure(5733408, "the bounds 'partition' need partitionByFields")
    return Densify(
        path=path,
        partition=_partition(partition) if partition else None,
        sort=_sort(value, partition, bounds),
        step=step,
        unit=unit,
        bounds=bounds,
    )


def _check(given: Any, types: Mapping[str, type], where: str, needed: tuple[str, ...]) -> None:
    for name, item in given.items():
        if name not in types:
            raise CommandFailure(UNKNOWN, f"BSON field '{where}.{name}' is an unknown field.")
        if item is None and name != "partitionByFields":
            continue
        if name == "range":
            if not isinstance(item, Mapping):
                raise CommandFailure(TYPE_MISMATCH, f"BSON field '{where}.{name}' is no object")
            _check(item, TYPES_OF_RANGE, f"{where}.range", ("step", "bounds"))
        _check_type(f"{where}.{name}", name, item, types[name])
    for name in needed:
        if given.get(name) is None:
            raise CommandFailure(MISSING_FIELD, f"BSON field '{where}.{name}' is missing")


def _check_type(where: str, name: str, item: Any, wanted: type) -> None:
    if name == "partitionByFields" and item is None:
        raise CommandFailure(INVALID, f"invalid parameter: expected an object ({name})")
    wrong = not isinstance(item, wanted) or (name == "step" and not is_number(item))
    if wrong or (name == "partitionByFields" and not all(isinstance(each, str) for each in item)):
        raise CommandFailure(TYPE_MISMATCH, f"BSON field '{where}' is of type {type_name(item)}")


def _range(given: Mapping[str, Any]) -> tuple[Any, str | None, Extent | tuple[Any, Any]]:
    step, unit = given["step"], given.get("unit")
    if not _at_most(0, step) or _at_most(step, 0):
        raise CommandFailure(5733401, "the step must be a strictly positive numeric value")
    if unit is not None:
        whole = truncated(step)
        if whole is None or not (_at_most(whole, step) and _at_most(step, whole)):
            raise CommandFailure(6586400, "the step must be a whole number with a unit")
        if unit not in UNITS and unit not in LONGER_UNITS:
            raise CommandFailure(FAILED, f"unknown time unit value: {unit}")
    return step, unit, _bounds(given["bounds"], step, unit)


def _bounds(given: Any, step: Any, unit: str | None) -> Extent | tuple[Any, Any]:
    if isinstance(given, str):
        if given not in {"full", "partition"}:
            raise CommandFailure(5946802, "Bounds string must either be 'full' or 'partition'")
        return Extent(given)
    if not isinstance(given, list):
        raise CommandFailure(5733404, "the bounds must be 'full', 'partition', or an array")
    if len(given) != 2:
        raise CommandFailure(5733403, "a bounding array must have exactly two elements")
    low, high = given
    if not _at_most(low, high):
        raise CommandFailure(5733402, "a bounding array must be ascending")
    if is_number(low):
        _check_numbers(low, high, step, unit)
    elif isinstance(low, DatetimeMS):
        if not isinstance(high, DatetimeMS):
            raise CommandFailure(5733405, "a bounding array must contain either dates or numbers")
        if unit is None:
            raise CommandFailure(5733410, "a bounding array of dates must specify a unit")
    else:
        raise CommandFailure(5946800, "explicit bounds must be numeric or dates")
    return low, high


def _check_numbers(low: Any, high: Any, step: Any, unit: str | None) -> None:
    if unit is not None:
        raise CommandFailure(5733409, "numeric bounds may not have a unit")
    if not is_number(high):
        raise CommandFailure(5733406, "a bounding array must contain either dates or numbers")
    if len({type_number(each) for each in (low, high, step)}) > 1:
        raise CommandFailure(5876900, "both bounds and the step must have the same type")


def _at_most(low: Any, high: Any) -> bool:
    return bool(SIMPLE.key(low) <= SIMPLE.key(high))


def _partition(paths: list[Path]) -> Expression:
    """Return what tells the partition of a document: a document of the fields, where they are there."""
    fields: dict[str, Any] = {}
    for path in paths:
        below = fields
        for name in path[:-1]:
            below = below.setdefault(name, {})
            if not isinstance(below, dict):
                raise unsupported("$densify by a field below another", where="pipeline")
        if isinstance(below.get(path[-1]), dict):
            raise unsupported("$densify by a field below another", where="pipeline")
        below[path[-1]] = f"${'.'.join(path)}"
    return parse_expression(fields)


def _sort(
    value: Mapping[str, Any], partition: list[Path], bounds: Extent | tuple[Any, Any]
) -> dict[str, Any]:
    names = [] if bounds is Extent.FULL else [".".join(path) for path in partition]
    return dict.fromkeys([*names, value["field"]], 1)
