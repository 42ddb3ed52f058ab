"""From the documents of `$lookup`, `$unionWith`, `$graphLookup` and `$facet` to stages.

Source: MongoDB manual, "$lookup (aggregation)" and its neighbours.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.query.expression import (
    Expression,
    Scope,
    check_field_name,
    check_variable_of_let,
    field_path,
    parse_expression,
)
from adapters.query.failures import CommandFailure
from adapters.query.filter import parse_filter
from adapters.query.filter.numbers import truncated
from adapters.query.pipeline.tree import Facet, GraphLookup, Lookup, Stage, UnionWith
from adapters.query.types import is_number, type_name
from adapters.query.unsupported import unsupported
from comparators.order import compare

ParsePipeline = Callable[[list[Any], Scope], tuple[Stage, ...]]

NOT_IN_FACET: Final[frozenset[str]] = frozenset(
    "$changeStream $collStats $currentOp $documents $facet $geoNear $indexStats "
    "$listLocalSessions $listSessions $merge $out $planCacheStats $search $searchMeta".split()
)
OWN_COLLECTIONS: Final = frozenset(
    {("local", "oplog.rs"), ("local", "system.tenantMigration.oplogView")}
)
CHUNKS: Final = "cache.chunks."
NOT_BELOW: Final[frozenset[str]] = frozenset({"$changeStream", "$merge", "$out"})


def parse_lookup(value: Any, scope: Scope, parse: ParsePipeline) -> Lookup:
    if not isinstance(value, Mapping):
        raise CommandFailure(9, "the $lookup stage specification must be an object")
    _check_lookup(value)
    source = value.get("from")
    if source is None:
        if "pipeline" not in value:
            raise CommandFailure(9, "must specify 'pipeline' when 'from' is empty")
        _check_gives_documents(value["pipeline"], "$lookup")
    if "as" not in value:
        raise CommandFailure(9, "must specify 'as' field for a $lookup")
    by_fields = ("localField" in value, "foreignField" in value)
    if any(by_fields) != all(by_fields) or (not any(by_fields) and "pipeline" not in value):
        raise CommandFailure(
            9, "$lookup requires 'pipeline' or both 'localField' and 'foreignField'"
        )
    if "let" in value and "pipeline" not in value:
        raise CommandFailure(9, "$lookup with a 'let' argument must also specify 'pipeline'")
    bindings = value.get("let", {})
    return Lookup(
        collection=source,
        into=field_path(value["as"]),
        local=field_path(value["localField"]) if all(by_fields) else None,
        foreign=field_path(value["foreignField"]) if all(by_fields) else None,
        bindings=_bindings(bindings, scope),
        pipeline=(
            _parse_below(value["pipeline"], scope | frozenset(bindings), parse, 51047, NOT_BELOW)
            if "pipeline" in value
            else None
        ),
    )


def _bindings(let: Mapping[str, Any], scope: Scope) -> tuple[tuple[str, Expression], ...]:
    bindings = []
    for name, item in let.items():
        check_variable_of_let(name)
        bindings.append((name, parse_expression(item, variables=scope)))
    return tuple(bindings)


def _check_lookup(value: Mapping[str, Any]) -> None:
    for name, item in value.items():
        if name == "pipeline":
            if not isinstance(item, list):
                raise CommandFailure(14, "'pipeline' option must be specified as an array")
        elif name == "let":
            if not isinstance(item, Mapping):
                raise CommandFailure(9, "$lookup argument 'let' must be an object")
        elif name == "from":
            if isinstance(item, Mapping):
                _refuse_database(item)
            if not isinstance(item, str):
                raise CommandFailure(9, f"$lookup 'from' must be a string, found {type_name(item)}")
        elif not isinstance(item, str):
            raise CommandFailure(9, f"$lookup argument '{name}' must be a string")
        elif name not in {"as", "localField", "foreignField"}:
            raise CommandFailure(9, f"unknown argument to $lookup: {name}")


def _check_gives_documents(pipeline: list[Any], stage: str) -> None:
    first = pipeline[0] if pipeline else None
    if not isinstance(first, Mapping) or "$documents" not in first:
        raise CommandFailure(
            9, f"{stage} stage without explicit collection must have a pipeline with $documents"
        )


def _refuse_database(source: Mapping[str, Any]) -> None:
    """Refuse a collection of another database: MongoDB 6.0 reads a few of its own only."""
    for name, item in source.items():
        if name not in {"db", "coll"}:
            raise CommandFailure(40415, f"BSON field 'from.{name}' is an unknown field.")
        if not isinstance(item, str):
            raise CommandFailure(14, f"BSON field 'from.{name}' is the wrong type")
    place = (source.get("db", ""), source.get("coll", ""))
    if place in OWN_COLLECTIONS or (place[0] == "config" and place[1].startswith(CHUNKS)):
        raise unsupported("$lookup from another database", where="pipeline")
    raise CommandFailure(9, "$lookup with syntax {from: {db:<>, coll:<>},..} is not supported")


def _parse_below(
    pipeline: list[Any], scope: Scope, parse: ParsePipeline, code: int, forbidden: frozenset[str]
) -> tuple[Stage, ...]:
    """Parse a pipeline inside of a stage, where some stages are refused with the code."""
    for stage in pipeline:
        name = next(iter(stage), "") if isinstance(stage, Mapping) else ""
        if name in forbidden:
            raise CommandFailure(code, f"{name} is not allowed within this stage's pipeline")
    return parse(pipeline, scope)


def parse_union_with(value: Any, scope: Scope, parse: ParsePipeline) -> UnionWith:
    if isinstance(value, str):
        return UnionWith(collection=value)
    if not isinstance(value, Mapping):
        raise CommandFailure(9, "the $unionWith stage specification must be an object or string")
    for name in value:
        if name not in {"coll", "pipeline"}:
            raise CommandFailure(40415, f"BSON field '$unionWith.{name}' is an unknown field.")
    pipeline, source = value.get("pipeline", []), value.get("coll")
    if not isinstance(value.get("coll", ""), str) or not isinstance(pipeline, list):
        raise CommandFailure(14, "BSON field of $unionWith is of the wrong type")
    if source is None:
        _check_gives_documents(pipeline, "$unionWith")
    return UnionWith(
        collection=source, pipeline=_parse_below(pipeline, scope, parse, 31441, NOT_BELOW)
    )


def parse_facet(value: Any, scope: Scope, parse: ParsePipeline) -> Facet:
    if not isinstance(value, Mapping) or not value:
        raise CommandFailure(40169, "the $facet specification must be a non-empty object")
    pipelines = []
    for name, pipeline in value.items():
        check_field_name(name)
        if not isinstance(pipeline, list):
            raise CommandFailure(40170, f"arguments to $facet must be arrays, {name} is not")
        pipelines.append((name, _parse_below(pipeline, scope, parse, 40600, NOT_IN_FACET)))
    return Facet(pipelines=tuple(pipelines))


def parse_graph_lookup(value: Any, scope: Scope) -> GraphLookup:
    if not isinstance(value, Mapping):
        raise CommandFailure(9, "the $graphLookup stage specification must be an object")
    if not isinstance(value.get("from"), str):
        raise CommandFailure(9, "missing 'from' option to $graphLookup, or it is no string")
    for name, item in value.items():
        _check_graph_argument(name, item)
    for name in ("from", "as", "startWith", "connectFromField", "connectToField"):
        if name not in value:
            raise CommandFailure(40105, "$graphLookup requires its five first arguments")
    depth, restriction = value.get("maxDepth"), value.get("restrictSearchWithMatch")
    return GraphLookup(
        collection=value["from"],
        start=parse_expression(value["startWith"], variables=scope),
        connect_from=field_path(value["connectFromField"]),
        connect_to=field_path(value["connectToField"]),
        into=field_path(value["as"]),
        max_depth=None if depth is None else truncated(depth),
        depth_field=field_path(value["depthField"]) if "depthField" in value else None,
        restriction=None if restriction is None else parse_filter(restriction),
    )


def _check_graph_argument(name: str, item: Any) -> None:
    if name == "maxDepth":
        if not is_number(item):
            raise CommandFailure(40100, "maxDepth requires a numeric argument")
        whole = truncated(item)
        if whole is not None and whole < 0:
            raise CommandFailure(40101, "maxDepth requires a nonnegative argument")
        if whole is None or compare(whole, item) != 0:
            raise CommandFailure(40102, "maxDepth could not be represented as a long long")
    elif name == "restrictSearchWithMatch":
        if not isinstance(item, Mapping):
            raise CommandFailure(40185, "restrictSearchWithMatch must be an object")
    elif name in {"as", "connectFromField", "connectToField", "depthField", "from"}:
        if not isinstance(item, str):
            raise CommandFailure(40103, f"expected string as argument for {name}")
    elif name != "startWith":
        raise CommandFailure(40104, f"Unknown argument to $graphLookup: {name}")
