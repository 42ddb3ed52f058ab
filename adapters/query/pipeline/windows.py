"""From the document of `$setWindowFields` to a stage.

Source: MongoDB manual, "$setWindowFields (aggregation)"; the codes were observed on a server 6.0.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from bson.decimal128 import Decimal128, create_decimal128_context

from adapters.query.expression import Expression, Literal, Scope, field_path, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline.grouping import COUNTED, SORTED, parse_accumulation
from adapters.query.pipeline.tree import Accumulation, Bounds, Window, WindowFields
from adapters.query.sort import parse_sort
from adapters.query.types import is_number, type_name
from adapters.query.unsupported import unsupported

FAILED: Final = 9
TYPE_MISMATCH: Final = 14
ACCUMULATED: Final = frozenset(
    "$addToSet $avg $covariancePop $covarianceSamp $first $last $max $min $push $stdDevPop "
    "$stdDevSamp $sum".split()
)
RANKS: Final = frozenset({"$denseRank", "$documentNumber", "$rank"})
FILLS: Final = frozenset({"$linearFill", "$locf"})
CURVES: Final = frozenset({"$derivative", "$integral"})
UNITS: Final = {
    "week": 604_800_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1_000,
    "millisecond": 1,
}
"""The units of one length, in milliseconds."""
LONGER_UNITS: Final = frozenset({"month", "quarter", "year"})
WHOLE: Final = Bounds(by_range=False, lower=None, upper=None)
INT_MAX: Final = 2**31 - 1
DIGITS: Final = create_decimal128_context()

Sort = Mapping[str, Any] | None


def parse_window_fields(value: Any, scope: Scope) -> WindowFields:
    if not isinstance(value, Mapping):
        raise CommandFailure(FAILED, "the $setWindowFields specification must be an object")
    for name, item in value.items():
        if name not in {"output", "partitionBy", "sortBy"}:
            raise CommandFailure(40415, f"BSON field '$setWindowFields.{name}' is unknown.")
        if name != "partitionBy" and not isinstance(item, Mapping):
            raise CommandFailure(TYPE_MISMATCH, f"'$setWindowFields.{name}' is the wrong type")
    if "output" not in value:
        raise CommandFailure(40414, "BSON field '$setWindowFields.output' is missing")
    sort = parse_sort(value["sortBy"]) if value.get("sortBy") else None
    partition = value.get("partitionBy")
    windows = []
    for path, item in value["output"].items():
        if not isinstance(item, Mapping):
            raise CommandFailure(FAILED, f"The field '{path}' must be an object")
        windows.append(_window(path, item, sort, scope))
    _check_apart([window.path for window in windows])
    return WindowFields(
        partition=None if partition is None else parse_expression(partition, variables=scope),
        sort=sort,
        windows=tuple(windows),
    )


def _check_apart(paths: list[tuple[str, ...]]) -> None:
    for at, path in enumerate(paths):
        for other in paths[:at]:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                raise CommandFailure(6307900, "'output' contains two conflicting paths")


def _window(path: str, item: Mapping[str, Any], sort: Sort, scope: Scope) -> Window:
    target = field_path(path)
    operator = next(iter(item), "")
    if not operator.startswith("$"):
        raise CommandFailure(FAILED, "Expected a $-prefixed window function")
    parse = _parser(operator)
    if parse is None:
        raise CommandFailure(FAILED, f"Unrecognized window function, {operator}")
    if operator in CURVES:
        _check_curve(operator, item[operator], sort)
    bounds = parse_bounds(item["window"], sort) if "window" in item else None
    for name in item:
        if name in {operator, "window"}:
            continue
        if name.startswith("$"):
            raise CommandFailure(FAILED, "Cannot specify two functions in window function spec")
        if operator in RANKS:
            raise CommandFailure(5371601, "Rank style window functions take no other arguments")
        raise CommandFailure(FAILED, f"Window function found an unknown argument: {name}")
    return parse(target, operator, item[operator], bounds, sort, scope)


Parse = Callable[[tuple[str, ...], str, Any, Bounds | None, Sort, Scope], Window]


def _parser(operator: str) -> Parse | None:
    if operator in ACCUMULATED | COUNTED | SORTED | {"$count"}:
        return _accumulated
    if operator in RANKS:
        return _rank
    if operator in FILLS:
        return _fill
    if operator in CURVES:
        return _curve
    return {"$expMovingAvg": _moving_average, "$shift": _shift}.get(operator)


def _accumulated(
    path: tuple[str, ...],
    operator: str,
    value: Any,
    bounds: Bounds | None,
    _sort: Sort,
    scope: Scope,
) -> Window:
    if operator == "$count" and value != {}:
        raise CommandFailure(FAILED, "$count only accepts an empty object as input")
    if operator in ACCUMULATED:
        # Unlike in a group, an array is a value and no list of arguments.
        accumulation = Accumulation(
            field="", operator=operator, value=parse_expression(value, variables=scope)
        )
    else:
        accumulation = parse_accumulation("x", {operator: value}, scope)
    return Window(path=path, operator=operator, bounds=bounds or WHOLE, accumulation=accumulation)


def _rank(
    path: tuple[str, ...],
    operator: str,
    value: Any,
    bounds: Bounds | None,
    sort: Sort,
    _scope: Scope,
) -> Window:
    if bounds is not None:
        raise CommandFailure(5371601, "Rank style window functions take no other arguments")
    if value != {}:
        raise CommandFailure(5371603, f"{operator} must be specified with '{{}}' as the value")
    if sort is None or len(sort) != 1:
        raise CommandFailure(5371602, f"{operator} must be specified with a sortBy of one element")
    return Window(path=path, operator=operator, bounds=WHOLE)


def _fill(
    path: tuple[str, ...],
    operator: str,
    value: Any,
    bounds: Bounds | None,
    sort: Sort,
    scope: Scope,
) -> Window:
    if bounds is not None:
        raise CommandFailure(FAILED, f"'window' field is not allowed in {operator}")
    if operator == "$linearFill" and (sort is None or len(sort) != 1):
        raise CommandFailure(605001, "$linearFill must be specified with a sortBy of one element")
    input_ = parse_expression(value, variables=scope)
    return Window(path=path, operator=operator, bounds=WHOLE, input=input_)


def _check_curve(operator: str, value: Any, sort: Sort) -> None:
    """Refuse a curve over no single field before its window is looked at."""
    if not isinstance(value, Mapping):
        raise CommandFailure(FAILED, f"{operator} expects an object")
    if sort is None:
        raise CommandFailure(FAILED, f"{operator} requires a sortBy")
    if len(sort) != 1:
        raise CommandFailure(FAILED, f"{operator} requires a non-compound sortBy")


def _curve(
    path: tuple[str, ...],
    operator: str,
    value: Any,
    bounds: Bounds | None,
    _sort: Sort,
    scope: Scope,
) -> Window:
    for name in value:
        if name not in {"input", "unit"}:
            raise CommandFailure(FAILED, f"{operator} got unexpected argument: {name}")
    if "input" not in value:
        raise CommandFailure(FAILED, f"{operator} requires an 'input' expression")
    unit = _unit(value["unit"], fixed=True) if "unit" in value else None
    if operator == "$derivative" and bounds is None:
        raise CommandFailure(FAILED, "$derivative requires explicit window bounds")
    return Window(
        path=path,
        operator=operator,
        bounds=bounds or WHOLE,
        input=parse_expression(value["input"], variables=scope),
        unit_ms=None if unit is None else UNITS[unit],
    )


def _moving_average(
    path: tuple[str, ...],
    operator: str,
    value: Any,
    bounds: Bounds | None,
    sort: Sort,
    scope: Scope,
) -> Window:
    if not isinstance(value, Mapping) or bounds is not None:
        raise CommandFailure(FAILED, "$expMovingAvg must have exactly one argument, an object")
    if sort is None:
        raise CommandFailure(FAILED, "$expMovingAvg requires an explicit 'sortBy'")
    if set(value) not in ({"input", "N"}, {"input", "alpha"}):
        raise CommandFailure(FAILED, "$expMovingAvg takes 'input', and either 'N' or 'alpha'")
    return Window(
        path=path,
        operator=operator,
        bounds=WHOLE,
        input=parse_expression(value["input"], variables=scope),
        weight=_weight(value),
    )


def _weight(value: Mapping[str, Any]) -> Decimal:
    """Return what the newest value counts."""
    if "N" in value:
        count = _whole(value["N"])
        if count is None or count <= 0:
            raise CommandFailure(FAILED, "'N' must be an integer greater than zero")
        return DIGITS.divide(Decimal(2), Decimal(count + 1))
    alpha = value["alpha"]
    if not is_number(alpha):
        raise CommandFailure(FAILED, "'alpha' must be a number")
    if isinstance(alpha, Decimal128):
        raise unsupported("$expMovingAvg of a decimal", where="$setWindowFields")
    if not 0 < alpha < 1:
        raise CommandFailure(FAILED, "'alpha' must be between 0 and 1 (exclusive)")
    return Decimal(f"{alpha:.14e}")


def _shift(
    path: tuple[str, ...],
    operator: str,
    value: Any,
    bounds: Bounds | None,
    sort: Sort,
    scope: Scope,
) -> Window:
    if bounds is not None:
        raise CommandFailure(FAILED, "$shift does not accept a 'window' field")
    if sort is None:
        raise CommandFailure(FAILED, "'$shift' requires a sortBy")
    if not isinstance(value, Mapping):
        raise CommandFailure(FAILED, "Argument to $shift must be an object")
    if not value.keys() <= {"by", "default", "output"}:
        raise CommandFailure(FAILED, "Unknown argument in $shift")
    if "output" not in value:
        raise CommandFailure(FAILED, "$shift requires an 'output' expression.")
    by = _whole(value.get("by"))
    if by is None:
        raise CommandFailure(FAILED, "$shift requires 'by' as an integer value.")
    default: Expression = Literal(value=None)
    if "default" in value:
        default = parse_expression(value["default"], variables=scope)
    return Window(
        path=path,
        operator=operator,
        bounds=WHOLE,
        input=parse_expression(value["output"], variables=scope),
        by=by,
        default=default,
    )


def _whole(value: Any) -> int | None:
    """Return a number that is a 32-bit integer, None for anything else."""
    if not is_number(value):
        return None
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if exact != exact or abs(exact) > INT_MAX or exact != int(exact):  # noqa: PLR0124 - NaN
        return None
    return int(exact)


def parse_bounds(window: Any, sort: Sort) -> Bounds:
    """Return the bounds of a window."""
    if not isinstance(window, Mapping):
        raise CommandFailure(FAILED, "'window' field must be an object")
    if "documents" in window:
        if "range" in window:
            raise CommandFailure(FAILED, "bounds can specify either 'documents' or 'unit'")
        if "unit" in window:
            raise CommandFailure(FAILED, "bounds can only specify 'unit' with ranges.")
        return _bounds(window, "documents", sort)
    if "range" in window:
        return _bounds(window, "range", sort)
    if "unit" in window:
        raise CommandFailure(FAILED, "bounds can only specify 'unit' with range-based bounds.")
    if window:
        raise CommandFailure(FAILED, f"'window' field found an unknown argument: {[*window]}")
    return WHOLE


def _bounds(window: Mapping[str, Any], kind: str, sort: Sort) -> Bounds:
    by_range = kind == "range"
    lower, upper = _pair(window, kind)
    if window.keys() - ({kind, "unit"} if by_range else {kind}):
        raise CommandFailure(FAILED, f"'window' that specifies {kind} has an unknown argument")
    unit = _unit(window["unit"], fixed=False) if "unit" in window else None
    for bound in (lower, upper):
        if (unit or not by_range) and is_number(bound) and _whole(bound) is None:
            raise CommandFailure(FAILED, "Bounds of documents or with 'unit' must be integers")
    bounds = Bounds(by_range=by_range, lower=_bound(lower), upper=_bound(upper), unit=unit)
    if by_range and (sort is None or len(sort) != 1):
        raise CommandFailure(5339902, "Range-based bounds require sortBy a single field")
    if sort is None and (bounds.lower is not None or bounds.upper is not None):
        raise CommandFailure(5339901, "Document-based bounds require a sortBy")
    return bounds


def _pair(window: Mapping[str, Any], name: str) -> list[Any]:
    pair = window[name]
    if not isinstance(pair, list) or len(pair) != 2:
        raise CommandFailure(FAILED, f"Window bounds must be a 2-element array: {name}")
    for bound in pair:
        if not is_number(bound) and bound not in ("unbounded", "current"):
            raise CommandFailure(FAILED, "bounds must be 'unbounded', 'current', or a number.")
    numbers = [0 if bound == "current" else bound for bound in pair if bound != "unbounded"]
    if len(numbers) == 2 and any(isinstance(each, Decimal128) for each in numbers):
        raise unsupported("a window bounded by decimals", where="$setWindowFields")
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        raise CommandFailure(5339900, "Lower bound must not exceed upper bound")
    return pair


def _bound(bound: Any) -> Any:
    return None if bound == "unbounded" else bound


def _unit(unit: Any, *, fixed: bool) -> str:
    if not isinstance(unit, str):
        raise CommandFailure(FAILED, f"'unit' must be a string, not {type_name(unit)}")
    if unit not in UNITS and unit not in LONGER_UNITS:
        raise CommandFailure(FAILED, f"unknown time unit value: {unit}")
    if fixed and unit not in UNITS:
        raise CommandFailure(5490710, "unit must be 'week' or smaller")
    return unit
