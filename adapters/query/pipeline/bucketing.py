"""From the documents of `$bucket` and `$bucketAuto` to stages.

Source: MongoDB manual, "$bucket (aggregation)", "$bucketAuto (aggregation)".
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from adapters.query.expression import Expression, Literal, Scope, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import truncated
from adapters.query.pipeline.grouping import parse_accumulation
from adapters.query.pipeline.tree import Accumulation, Bucket, BucketAuto
from adapters.query.types import is_number
from comparators.order import SIMPLE, compare

COUNTED: Final[Mapping[str, Any]] = {"count": {"$sum": 1}}
GRANULARITIES: Final = frozenset(
    "1-2-5 E6 E12 E24 E48 E96 E192 POWERSOF2 R5 R10 R20 R40 R80".split()
)
INT_MAX: Final = 2**31 - 1


def parse_bucket(value: Any, scope: Scope) -> Bucket:
    if not isinstance(value, Mapping):
        raise CommandFailure(40201, "Argument to $bucket stage must be an object")
    for name in value:
        if name not in {"groupBy", "boundaries", "default", "output"}:
            raise CommandFailure(40197, f"Unrecognized option to $bucket: {name}.")
    if "groupBy" in value and not _is_computed(value["groupBy"]):
        raise CommandFailure(40202, "The $bucket 'groupBy' field must be a $-prefixed path")
    if "groupBy" not in value or "boundaries" not in value:
        raise CommandFailure(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
    boundaries = value["boundaries"]
    if not isinstance(boundaries, list):
        raise CommandFailure(40200, "The $bucket 'boundaries' field must be an array")
    if not isinstance(value.get("output", {}), Mapping):
        raise CommandFailure(40196, "The $bucket 'output' field must be an object")
    by = parse_expression(value["groupBy"], variables=scope)
    parsed = tuple(parse_expression(each, variables=scope) for each in boundaries)
    _check_constants(parsed)
    return Bucket(
        by=by,
        boundaries=parsed,
        default=parse_expression(value["default"], variables=scope) if "default" in value else None,
        accumulations=_output(value.get("output", COUNTED), scope),
    )


def _check_constants(boundaries: tuple[Expression, ...]) -> None:
    """Refuse boundaries that are no ascending values of one type, as far as that is plain to see.

    MongoDB does so before it looks at the next stage. What has to be computed, and whether strings ascend under
    a collation, is looked at when the stage is run.
    """
    if len(boundaries) < 2:
        raise CommandFailure(40192, "The $bucket 'boundaries' must have at least 2 values")
    for low, high in pairwise(boundaries):
        if not (isinstance(low, Literal) and isinstance(high, Literal)):
            return
        if SIMPLE.key(low.value)[0] != SIMPLE.key(high.value)[0]:
            raise CommandFailure(40193, "All values in 'boundaries' must have the same type")
        if isinstance(low.value, str | list | dict):
            return
        if SIMPLE.key(low.value) >= SIMPLE.key(high.value):
            raise CommandFailure(40194, "The 'boundaries' option to $bucket must be sorted")


def parse_bucket_auto(value: Any, scope: Scope) -> BucketAuto:
    if not isinstance(value, Mapping):
        raise CommandFailure(40240, "The argument to $bucketAuto must be an object")
    for name, item in value.items():
        _check_option(name, item)
    if "groupBy" not in value or "buckets" not in value:
        raise CommandFailure(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified")
    return BucketAuto(
        by=parse_expression(value["groupBy"], variables=scope),
        buckets=int(truncated(value["buckets"]) or 0),
        granularity=value.get("granularity"),
        accumulations=_output(value.get("output") or COUNTED, scope),
    )


def _check_option(name: str, value: Any) -> None:
    if name == "groupBy":
        if not _is_computed(value):
            raise CommandFailure(40239, "The $bucketAuto 'groupBy' field must be a $-prefixed path")
    elif name == "buckets":
        _check_buckets(value)
    elif name == "output":
        if not isinstance(value, Mapping):
            raise CommandFailure(40244, "The $bucketAuto 'output' field must be an object")
    elif name == "granularity":
        if not isinstance(value, str):
            raise CommandFailure(40261, "The $bucketAuto 'granularity' field must be a string")
        if value not in GRANULARITIES:
            raise CommandFailure(40257, f"Unknown rounding granularity '{value}'")
    else:
        raise CommandFailure(40245, f"Unrecognized option to $bucketAuto: {name}")


def _check_buckets(value: Any) -> None:
    if not is_number(value):
        raise CommandFailure(40241, "The $bucketAuto 'buckets' field must be a numeric value")
    whole = truncated(value)
    if whole is None or compare(whole, value) != 0 or abs(whole) > INT_MAX:
        raise CommandFailure(40242, "The $bucketAuto 'buckets' field must be a 32-bit integer")
    if whole <= 0:
        raise CommandFailure(40243, "The $bucketAuto 'buckets' field must be greater than 0")


def _is_computed(by: Any) -> bool:
    if isinstance(by, Mapping):
        return next(iter(by), "").startswith("$")
    return isinstance(by, str) and by.startswith("$")


def _output(output: Mapping[str, Any], scope: Scope) -> tuple[Accumulation, ...]:
    return tuple(parse_accumulation(name, item, scope) for name, item in output.items())
