"""From the document of `$fill` to the stages that it is short for.

Source: MongoDB manual, "$fill (aggregation)"; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.query.expression import Scope
from adapters.query.failures import CommandFailure
from adapters.query.pipeline.shaping import parse_add_fields
from adapters.query.pipeline.tree import Stage
from adapters.query.pipeline.windows import parse_window_fields

METHODS: Final[Mapping[str, str]] = {"linear": "$linearFill", "locf": "$locf"}
TYPE_MISMATCH: Final = 14
_TYPES: Final[Mapping[str, type]] = {
    "output": Mapping,
    "partitionBy": Mapping,
    "partitionByFields": list,
    "sortBy": Mapping,
}


def parse_fill(value: Any, scope: Scope) -> tuple[Stage, ...]:
    """Return the windows that fill by a method, and behind them the fields that have a value."""
    given = _checked(value)
    methods: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for path, item in given["output"].items():
        how = _how(path, item)
        if "method" in how:
            methods[path] = {how["method"]: f"${path}"}
        elif "value" in how:
            values[path] = {"$ifNull": [f"${path}", how["value"]]}
    stages: list[Stage] = []
    if methods:
        windows = {"output": methods, "partitionBy": _partition(given)}
        if given.get("sortBy") is not None:
            windows["sortBy"] = given["sortBy"]
        stages.append(parse_window_fields(windows, scope))
    if values:
        stages.append(parse_add_fields(values, scope))
    return tuple(stages)


def _checked(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CommandFailure(9, "the $fill stage specification must be an object")
    for name, item in value.items():
        if name not in _TYPES:
            raise CommandFailure(40415, f"BSON field '$fill.{name}' is an unknown field.")
        if item is not None and not isinstance(item, _TYPES[name]):
            raise CommandFailure(TYPE_MISMATCH, f"BSON field '$fill.{name}' is the wrong type")
        texts = item if name == "partitionByFields" and isinstance(item, list) else ()
        if not all(isinstance(each, str) for each in texts):
            raise CommandFailure(TYPE_MISMATCH, "'$fill.partitionByFields' must hold strings")
    if "output" not in value:
        raise CommandFailure(40414, "BSON field '$fill.output' is missing but a required field")
    if value["output"] is None:
        raise CommandFailure(10065, "invalid parameter: expected an object (output)")
    if not value["output"]:
        raise CommandFailure(6050203, "the output of $fill must not be empty")
    if value.get("partitionBy") is not None and value.get("partitionByFields") is not None:
        raise CommandFailure(6050204, "only one of partitionBy and partitionByFields is allowed")
    return value


def _how(path: str, item: Any) -> Mapping[str, Any]:
    """Return what a field is filled by, a method as the name of its window operator."""
    if not isinstance(item, Mapping):
        raise CommandFailure(6050200, f"the output of {path!r} must be an object")
    for name in item:
        if name not in {"method", "value"}:
            raise CommandFailure(40415, f"BSON field '$fill.output.{name}' is an unknown field.")
    if item.get("method") is None:
        return {name: each for name, each in item.items() if name == "value"}
    if "value" in item:
        raise CommandFailure(6050201, "a field takes one of 'value' and 'method'")
    if not isinstance(item["method"], str):
        raise CommandFailure(TYPE_MISMATCH, "'method' must be a string")
    if item["method"] not in METHODS:
        raise CommandFailure(6050202, "'method' must be locf or linear")
    return {"method": METHODS[item["method"]]}


def _partition(given: Mapping[str, Any]) -> Any:
    fields = given.get("partitionByFields")
    if not fields:
        return given.get("partitionBy")
    return {name: f"${name}" for name in fields}
