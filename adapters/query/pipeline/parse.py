"""From the BSON of an aggregation pipeline to its stages.

Source: MongoDB manual, "Aggregation Stages"; the codes were observed on a server 6.0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.decimal128 import Decimal128

from adapters.query.expression import Scope, field_path, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.filter import Filter, parse_filter, parse_query
from adapters.query.pipeline.bucketing import parse_bucket, parse_bucket_auto
from adapters.query.pipeline.densifying import parse_densify
from adapters.query.pipeline.filling import parse_fill
from adapters.query.pipeline.grouping import parse_group, parse_sort_by_count
from adapters.query.pipeline.joining import (
    parse_facet,
    parse_graph_lookup,
    parse_lookup,
    parse_union_with,
)
from adapters.query.pipeline.shaping import parse_add_fields, parse_project, parse_unset
from adapters.query.pipeline.storing import parse_merge, parse_out
from adapters.query.pipeline.tree import (
    Count,
    Given,
    Limit,
    Match,
    Merge,
    Out,
    Redact,
    ReplaceRoot,
    Sample,
    Skip,
    Sort,
    Stage,
    Unwind,
)
from adapters.query.pipeline.windows import parse_window_fields
from adapters.query.sort import parse_sort
from adapters.query.types import is_number
from adapters.query.unsupported import unknowable, unsupported

LONG_MAX: Final = 2**63 - 1
INVALID_NAMESPACE: Final = 73

UNSUPPORTED_STAGES: Final[frozenset[str]] = frozenset(
    "$changeStream $geoNear $search $searchMeta".split()
)
"""Stages that MongoDB knows and the gateway path has no exact counterpart for."""


OF_SERVERS: Final[frozenset[str]] = frozenset(
    "$collStats $currentOp $indexStats $listLocalSessions $listSessions $planCacheStats "
    "$shardedDataDistribution".split()
)
"""Stages that tell of a server and not of the data in it."""


def parse_pipeline(
    stages: list[Any], *, variables: Scope = frozenset(), of_database: bool = False
) -> tuple[Stage, ...]:
    """Return the stages; some of MongoDB's are short for two of ours.

    `variables` are the names that the command's `let` or an outer stage binds; `of_database` is true
    where the command names no collection.
    """
    parsed = _parse_stages(stages, variables, searched=not of_database)
    if of_database != (bool(parsed) and isinstance(parsed[0], Given)):
        raise CommandFailure(INVALID_NAMESPACE, "$documents, and it alone, takes {aggregate: 1}")
    return parsed


def parse_update_pipeline(
    stages: list[Any], *, variables: Scope = frozenset()
) -> tuple[Stage, ...]:
    """Return the stages of an update, where only those that reshape a document are allowed."""
    for name, _value in named_stages(stages):
        if name not in UPDATE_STAGES:
            raise CommandFailure(72, f"{name} is not allowed to be used within an update")
    return _parse_stages(stages, variables)


def named_stages(stages: list[Any]) -> list[tuple[str, Any]]:
    """Return each stage by its name; CommandFailure where one has none that MongoDB knows."""
    named = [_named(stage) for stage in stages]
    for name, _value in named:
        if not _is_known(name):
            raise CommandFailure(40324, f"Unrecognized pipeline stage name: '{name}'")
    return named


def _parse_stages(stages: list[Any], scope: Scope, *, searched: bool = False) -> tuple[Stage, ...]:
    """Return the stages; `searched` says that `$text` has a place in the first of them."""
    # All names are looked at before any value, as on the server.
    named = named_stages(stages)
    parsed: list[Stage] = []
    for name, value in named:
        parse = STAGES.get(name)
        if name in OF_SERVERS:
            raise unknowable(name, where="pipeline")
        if parse is None:
            raise unsupported(name, where="pipeline")
        if searched and not parsed and name == "$match":
            parsed += _match(value, scope, parse=parse_query)
        else:
            parsed += parse(value, scope)
    if any(isinstance(stage, Given) for stage in parsed[1:]):
        raise CommandFailure(40602, "$documents is only valid as the first stage in a pipeline")
    if any(isinstance(stage, Merge | Out) for stage in parsed[:-1]):
        raise CommandFailure(40601, "$merge and $out can only be the final stage in the pipeline")
    return tuple(parsed)


def _is_known(name: str) -> bool:
    return name in STAGES or name in UNSUPPORTED_STAGES or name in OF_SERVERS


def _named(stage: Any) -> tuple[str, Any]:
    if not isinstance(stage, Mapping):
        raise CommandFailure(14, "Each element of the 'pipeline' array must be an object")
    if len(stage) != 1:
        raise CommandFailure(
            40323, "A pipeline stage specification must contain exactly one field."
        )
    return next(iter(stage.items()))


def _match(
    value: Any, scope: Scope, *, parse: Callable[..., Filter] = parse_filter
) -> tuple[Stage, ...]:
    if not isinstance(value, Mapping):
        raise CommandFailure(15959, "the match filter must be an expression in an object")
    return (Match(filter=parse(value, variables=scope)),)


def _sort(value: Any, _scope: Scope) -> tuple[Stage, ...]:
    if not isinstance(value, Mapping):
        raise CommandFailure(15973, "the $sort key specification must be an object")
    if not value:
        raise CommandFailure(15976, "$sort stage must have at least one sort key")
    return (Sort(sort=parse_sort(value)),)


def _limit(value: Any, _scope: Scope) -> tuple[Stage, ...]:
    count = _whole(value, 5107201)
    if count == 0:
        raise CommandFailure(15958, "the limit must be positive")
    return (Limit(count=count),)


def _skip(value: Any, _scope: Scope) -> tuple[Stage, ...]:
    return (Skip(count=_whole(value, 5107200)),)


def _sample(value: Any, _scope: Scope) -> tuple[Stage, ...]:
    if not isinstance(value, Mapping):
        raise CommandFailure(28745, "the $sample stage specification must be an object")
    for name, item in value.items():
        if name != "size":
            raise CommandFailure(28748, f"unrecognized option to $sample: {name}")
        if not is_number(item):
            raise CommandFailure(28746, "size argument to $sample must be a number")
        if _rounded(item) < 0:
            raise CommandFailure(28747, "size argument to $sample must not be negative")
    if "size" not in value:
        raise CommandFailure(28749, "$sample stage must specify a size")
    return (Sample(size=_rounded(value["size"])),)


def _rounded(value: Any) -> int:
    """Return a number as a long: of a decimal the nearest one, of a double its whole part."""
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if exact != exact:  # noqa: PLR0124 - NaN
        return 0
    if abs(exact) > LONG_MAX:
        return LONG_MAX if exact > 0 else -LONG_MAX
    return int(exact.to_integral_value() if isinstance(value, Decimal128) else exact)


def _documents(value: Any, scope: Scope) -> tuple[Stage, ...]:
    return (Given(documents=parse_expression(value, variables=scope)),)


def _whole(value: Any, code: int) -> int:
    if not is_number(value):
        raise CommandFailure(code, "Expected a number")
    exact = value.to_decimal() if hasattr(value, "to_decimal") else value
    if exact != exact or abs(exact) > LONG_MAX or exact != int(exact):  # noqa: PLR0124 - NaN
        raise CommandFailure(code, "Expected an integer")
    if exact < 0:
        raise CommandFailure(code, "Expected a non-negative number")
    return int(exact)


def _count(value: Any, _scope: Scope) -> tuple[Stage, ...]:
    if not isinstance(value, str):
        raise CommandFailure(40156, "the count field must be a non-empty string")
    if not value:
        raise CommandFailure(40157, "the count field must be a non-empty string")
    if value.startswith("$"):
        raise CommandFailure(40158, "the count field cannot be a $-prefixed path")
    if "\0" in value:
        raise CommandFailure(40159, "the count field cannot contain a null byte")
    if "." in value:
        raise CommandFailure(40160, "the count field cannot contain '.'")
    return (Count(field=value),)


def _unwind(value: Any, _scope: Scope) -> tuple[Stage, ...]:
    options: Any = {"path": value} if isinstance(value, str) else value
    if not isinstance(options, Mapping):
        raise CommandFailure(15981, "expected a string or an object as specification for $unwind")
    for name, item in options.items():
        if name == "path":
            if not isinstance(item, str):
                raise CommandFailure(28808, "expected a string as the path for $unwind stage")
        elif name == "preserveNullAndEmptyArrays":
            if not isinstance(item, bool):
                raise CommandFailure(28809, "expected a boolean for preserveNullAndEmptyArrays")
        elif name == "includeArrayIndex":
            if not isinstance(item, str) or not item:
                raise CommandFailure(28810, "expected a non-empty string for includeArrayIndex")
            if item.startswith("$"):
                raise CommandFailure(28822, "includeArrayIndex should not be prefixed with a '$'")
        else:
            raise CommandFailure(28811, f"unrecognized option to $unwind stage: {name}")
    path = options.get("path", "")
    if not path:
        raise CommandFailure(28812, "no path specified to $unwind stage")
    if not path.startswith("$"):
        raise CommandFailure(28818, "path option to $unwind stage should be prefixed with a '$'")
    index = options.get("includeArrayIndex")
    return (
        Unwind(
            path=field_path(path[1:]),
            index=None if index is None else field_path(index),
            keep_empty=options.get("preserveNullAndEmptyArrays", False),
        ),
    )


def _replace_root(value: Any, scope: Scope) -> tuple[Stage, ...]:
    if not isinstance(value, Mapping):
        raise CommandFailure(40229, "expected an object as specification for $replaceRoot stage")
    for name in value:
        if name != "newRoot":
            raise CommandFailure(40415, f"BSON field '$replaceRoot.{name}' is an unknown field.")
    if "newRoot" not in value:
        raise CommandFailure(40414, "BSON field '$replaceRoot.newRoot' is missing")
    return _replace_with(value["newRoot"], scope)


def _replace_with(value: Any, scope: Scope) -> tuple[Stage, ...]:
    return (ReplaceRoot(root=parse_expression(value, variables=scope)),)


def _redact(value: Any, scope: Scope) -> tuple[Stage, ...]:
    decisions = frozenset({"KEEP", "PRUNE", "DESCEND"})
    return (Redact(expression=parse_expression(value, variables=scope | decisions)),)


ParseStage = Callable[[Any, Scope], tuple[Stage, ...]]

STAGES: Final[Mapping[str, ParseStage]] = {
    "$addFields": lambda value, scope: (parse_add_fields(value, scope),),
    "$bucket": lambda value, scope: (parse_bucket(value, scope),),
    "$bucketAuto": lambda value, scope: (parse_bucket_auto(value, scope),),
    "$count": _count,
    "$densify": lambda value, scope: (parse_densify(value, scope),),
    "$documents": _documents,
    "$facet": lambda value, scope: (parse_facet(value, scope, _parse_stages),),
    "$fill": parse_fill,
    "$graphLookup": lambda value, scope: (parse_graph_lookup(value, scope),),
    "$group": lambda value, scope: (parse_group(value, scope),),
    "$limit": _limit,
    "$lookup": lambda value, scope: (parse_lookup(value, scope, _parse_stages),),
    "$match": _match,
    "$merge": lambda value, scope: (parse_merge(value, scope),),
    "$out": lambda value, _scope: (parse_out(value),),
    "$project": lambda value, scope: (parse_project(value, scope),),
    "$redact": _redact,
    "$replaceRoot": _replace_root,
    "$replaceWith": _replace_with,
    "$sample": _sample,
    "$set": lambda value, scope: (parse_add_fields(value, scope, name="$set"),),
    "$setWindowFields": lambda value, scope: (parse_window_fields(value, scope),),
    "$skip": _skip,
    "$sort": _sort,
    "$sortByCount": parse_sort_by_count,
    "$unionWith": lambda value, scope: (parse_union_with(value, scope, _parse_stages),),
    "$unset": lambda value, _scope: (parse_unset(value),),
    "$unwind": _unwind,
}

UPDATE_STAGES: Final[frozenset[str]] = frozenset(
    {"$addFields", "$project", "$replaceRoot", "$replaceWith", "$set", "$unset"}
)
