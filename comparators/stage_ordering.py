"""What the stages of a pipeline make of an ordering, one after the other.

Where a query leaves a choice to the server (ties, `limit` without a sort, the order in which a group
meets its documents), two right answers may differ. Each such freedom is tracked from stage to stage; where
it can have reached a difference, the difference proves nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from comparators.collation import order_asked_for
from comparators.dependence import (
    filter_depends_on_order,
    is_under,
    overlap,
)
from comparators.freedom import (
    chance_of,
    fewer,
    only,
    or_arbitrary,
    outside,
    reshaped,
    why_arbitrary,
)
from comparators.operation import Kind, Operation
from comparators.order import SIMPLE, ValueOrder
from comparators.ordering import (
    ARRAY_ORDER,
    FIELD_ORDER,
    INPUT_ORDER,
    SCORE,
    TIES_INSIDE,
    UNKNOWN_STAGE,
    Ordering,
    Rows,
    limited,
    seen_through,
    skipped,
    sorted_by,
    whole,
)


def ordering_of(operation: Operation) -> Ordering:
    """Return what an operation fixes of the documents it returns."""
    arguments = operation.arguments
    values = order_asked_for(arguments.get("collation"))
    if operation.kind is Kind.AGGREGATE:
        return _of_pipeline(Ordering(), arguments.get("pipeline") or [], values=values)
    if operation.kind is not Kind.FIND:
        return Ordering()
    ordering = sorted_by(Ordering(), arguments.get("sort") or {}, values=values)
    skip, limit = arguments.get("skip") or 0, abs(arguments.get("limit") or 0)
    ordering = skipped(ordering, skip)
    ordering = limited(ordering, limit)
    return _projected(ordering, arguments.get("projection") or {})


def freedom_of(operation: Operation) -> str | None:
    """Return why two servers may rightly store something else at the end of a pipeline.

    That a result has no order is no freedom of what is stored, the order inside of an array is.
    """
    ordering = ordering_of(operation)
    if ordering.facets is not None:
        ordering = _flattened(ordering)
    reasons = [why_arbitrary(ordering), *ordering.vague.values(), *ordering.loose.values()]
    reasons += [FIELD_ORDER] if ordering.scattered else []
    return next(filter(None, reasons), ARRAY_ORDER if ordering.loose else None)


def _of_pipeline(ordering: Ordering, stages: Any, *, values: ValueOrder | None) -> Ordering:
    for stage in stages:
        name, body = next(iter(stage.items()))
        ordering = _flattened(ordering)
        if name == "$sort":
            ordering = sorted_by(ordering, body, values=values)
        elif name == "$facet":
            facets = {
                label: _of_pipeline(ordering, inner, values=values) for label, inner in body.items()
            }
            ordering = Ordering(facets=facets, single=True, arbitrary=ordering.arbitrary)
            continue
        elif name == "$sortByCount":
            ordering = sorted_by(_grouped(ordering, {"_id": body}), {"count": -1}, values=values)
        elif name in _STAGES:
            ordering = _STAGES[name](ordering, body)
        else:
            ordering = replace(ordering, arbitrary=ordering.arbitrary or UNKNOWN_STAGE)
    return ordering


def _flattened(ordering: Ordering) -> Ordering:
    """Return the ordering for a stage behind `$facet`, to which facets are arrays like others."""
    if ordering.facets is None:
        return ordering
    loose: dict[str, str | None] = {}
    vague: dict[str, str] = {}
    for name, facet in ordering.facets.items():
        free = why_arbitrary(facet) or next(
            iter([*facet.vague.values(), *map(str, facet.loose)]), None
        )
        if free is not None:
            vague[name] = facet.arbitrary or INPUT_ORDER
        elif not facet.single and not facet.is_total:
            loose[name] = TIES_INSIDE if facet.is_sorted else None
    return replace(ordering, facets=None, loose=loose, vague=vague)


def _projected(ordering: Ordering, projection: Any) -> Ordering:
    """Return what is left of the sort to see behind `$project`, and of fields with a freedom."""
    if not isinstance(projection, Mapping) or not projection:
        return ordering
    plain = {path: bool(value) for path, value in projection.items() if _is_switch(value)}
    computed = [path for path in projection if path not in plain]
    others = [shown for path, shown in plain.items() if path != "_id"]
    selecting = [path for path in computed if not _is_slice(projection[path])]
    inclusive = any(others) if others else bool(selecting) or plain.get("_id", False)

    def shows(path: str) -> bool:
        if any(overlap(path, each) for each in computed):
            return False
        if path == "_id":
            return plain.get("_id", True)
        if inclusive:
            return any(shown and is_under(path, each) for each, shown in plain.items())
        return not any(overlap(path, each) for each, shown in plain.items() if not shown)

    ordering = seen_through(ordering, shows)
    return reshaped(ordering, {path: projection[path] for path in computed})


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _is_slice(value: Any) -> bool:
    """Return whether a projection cuts an array, which leaves the other fields as they are."""
    if not isinstance(value, Mapping) or "$slice" not in value:
        return False
    bounds = value["$slice"]
    return _is_switch(bounds[0] if isinstance(bounds, list) and bounds else bounds)


def _added(ordering: Ordering, body: Any) -> Ordering:
    written = list(body)
    ordering = seen_through(ordering, lambda path: not any(overlap(path, each) for each in written))
    return reshaped(ordering, body)


def _removed(ordering: Ordering, body: Any) -> Ordering:
    gone = [body] if isinstance(body, str) else list(body)
    ordering = seen_through(ordering, lambda path: not any(overlap(path, each) for each in gone))
    return replace(ordering, unique=ordering.unique and "_id" not in gone)


def _replaced(ordering: Ordering, body: Any) -> Ordering:
    ordering = replace(seen_through(ordering, lambda _: False), unique=False)
    root = body.get("newRoot", body) if isinstance(body, Mapping) else body
    bare = replace(ordering, loose={}, vague={})
    if isinstance(root, Mapping) and not any(name.startswith("$") for name in root):
        made = reshaped(ordering, root)
        return replace(bare, loose=only(made.loose, root), vague=only(made.vague, root))
    return or_arbitrary(bare, chance_of(ordering, root))


def _unwound(ordering: Ordering, body: Any) -> Ordering:
    path = (body if isinstance(body, str) else body["path"])[1:]
    index = None if isinstance(body, str) else body.get("includeArrayIndex")
    ordering = fewer(ordering)
    ordering = seen_through(
        ordering, lambda each: not (overlap(each, path) or (index and overlap(each, index)))
    )
    is_loose = any(overlap(path, each) for each in ordering.loose) or "" in ordering.loose
    if (is_loose and index) or any(overlap(path, each) for each in ordering.vague):
        return or_arbitrary(ordering, INPUT_ORDER)
    loose = {each: why for each, why in ordering.loose.items() if each != path}
    return replace(
        ordering,
        unique=False,
        loose=loose,
        sequences=ordering.is_sorted and ordering.unique and not is_loose,
    )


def _matched(ordering: Ordering, body: Any) -> Ordering:
    ordering = fewer(ordering)
    if any(path in repr(body) for path in ordering.vague) or filter_depends_on_order(
        body, ordering.loose
    ):
        return or_arbitrary(ordering, INPUT_ORDER)
    return ordering


def _redacted(ordering: Ordering, body: Any) -> Ordering:
    ordering = fewer(ordering)
    return or_arbitrary(ordering, chance_of(ordering, body))


def _grouped(ordering: Ordering, body: Any) -> Ordering:
    if all(map(_is_constant, _operands(body))):
        # `countDocuments` asks this way: how many a cut lets through does not depend on which they are.
        return Ordering(arbitrary=ordering.arbitrary, single=True)
    loose: dict[str, str | None] = {}
    vague: dict[str, str] = {}
    reason = None if ordering.is_total else INPUT_ORDER
    for name, accumulator in body.items():
        operator = next(iter(accumulator), "") if isinstance(accumulator, Mapping) else ""
        if name == "_id":
            continue
        chance = chance_of(ordering, accumulator)
        if chance is not None:
            vague[name] = chance
        elif operator == "$addToSet":
            loose[name] = None
        elif reason and operator == "$push":
            loose[name] = reason
        elif reason and operator in _BY_INPUT_ORDER:
            vague[name] = reason
    return Ordering(
        arbitrary=why_arbitrary(ordering) or chance_of(ordering, body.get("_id")),
        loose=loose,
        vague=vague,
        single=body.get("_id", ...) is None,
    )


def _operands(group: Any) -> Iterator[Any]:
    """Give what a `$group` takes from each document; None for `{$count: {}}`, which takes nothing."""
    for name, value in group.items():
        if name == "_id":
            yield value
        elif isinstance(value, Mapping):
            yield from (None if operator == "$count" else each for operator, each in value.items())
        else:
            yield value


def _is_constant(operand: Any) -> bool:
    if isinstance(operand, Mapping):
        return list(operand) == ["$literal"]
    is_path = isinstance(operand, str) and operand.startswith("$")
    return not is_path and not isinstance(operand, list)


def _bucketed(ordering: Ordering, body: Any) -> Ordering:
    groups = {"_id": body.get("groupBy"), **(body.get("output") or {})}
    return replace(_grouped(ordering, groups), is_sorted=True, sort={"_id": 1}, single=False)


def _counted(ordering: Ordering, _body: Any) -> Ordering:
    # How many documents a cut lets through does not depend on which they are.
    return Ordering(arbitrary=ordering.arbitrary, single=True)


def _joined(ordering: Ordering, body: Any) -> Ordering:
    """Return the ordering behind `$lookup`: without a sort of its own, what it finds has no order."""
    into = body["as"]
    joined_by = [f"${body.get('localField', '')}", body.get("let"), body.get("startWith")]
    # Values to join by are the same in any order, as far as the arrays themselves are fixed.
    chance = chance_of(replace(ordering, loose={}), joined_by) or chance_of(
        ordering, body.get("let")
    )
    inner = _of_pipeline(Ordering(), body.get("pipeline") or [], values=SIMPLE)
    free = chance or why_arbitrary(inner)
    if free is None and (inner.vague or inner.loose or inner.facets):
        free = INPUT_ORDER
    ordering = seen_through(ordering, lambda path: not overlap(path, into))
    loose, vague = outside(ordering.loose, [into]), outside(ordering.vague, [into])
    if free is not None:
        vague[into] = free
    elif not inner.single and not inner.is_total:
        loose[into] = TIES_INSIDE if inner.is_sorted else None
    return replace(ordering, loose=loose, vague=vague)


def _united(ordering: Ordering, body: Any) -> Ordering:
    pipeline = body.get("pipeline") if isinstance(body, Mapping) else None
    inner = _flattened(_of_pipeline(Ordering(), pipeline or [], values=SIMPLE))
    # Which documents came from where is not followed: what is free in some is in doubt in all.
    loose = {path: why or INPUT_ORDER for path, why in {**ordering.loose, **inner.loose}.items()}
    return replace(
        fewer(ordering),
        arbitrary=why_arbitrary(ordering) or why_arbitrary(inner),
        is_sorted=False,
        sort={},
        hidden=None,
        unique=False,
        sequences=False,
        single=False,
        loose=loose,
        vague={**ordering.vague, **inner.vague},
    )


def _sampled(ordering: Ordering, body: Any) -> Ordering:
    """Return the ordering behind `$sample`: random, unless it takes everything there is."""
    taken = replace(fewer(ordering), is_sorted=False, sort={}, hidden=None, sequences=False)
    return replace(taken, rows=Rows.ANY, sample=whole(body["size"]), single=False)


def _windowed(ordering: Ordering, body: Any) -> Ordering:
    output, by = body.get("output") or {}, body.get("sortBy") or {}
    moved = replace(fewer(ordering), is_sorted=False, sort={}, hidden=None, sequences=False)
    moved = seen_through(moved, lambda path: not any(overlap(path, each) for each in output))
    loose, vague = outside(moved.loose, output), outside(moved.vague, output)
    key = chance_of(ordering, body.get("partitionBy"))
    ties = None if "_id" in by and ordering.unique else INPUT_ORDER
    for path, window in output.items():
        chance = chance_of(ordering, window) or key
        if chance is None and not _is_the_same_in_any_order(window):
            chance = ties
        if chance is not None:
            vague[path] = chance
        elif "$addToSet" in window:
            loose[path] = None
    scattered = ordering.scattered | (frozenset(output) if len(output) > 1 else frozenset())
    return replace(moved, loose=loose, vague=vague, scattered=scattered)


def _filled(ordering: Ordering, body: Any) -> Ordering:
    """Return the ordering behind `$fill`: windows for the methods, then fields for the values."""
    output = body.get("output") or {}
    methods = {path: {"$locf": f"${path}"} for path, how in output.items() if "method" in how}
    if methods:
        partition = [
            body.get("partitionBy"),
            *(f"${n}" for n in body.get("partitionByFields") or ()),
        ]
        windows = {"output": methods, "sortBy": body.get("sortBy"), "partitionBy": partition}
        ordering = _windowed(ordering, windows)
    values = {path: [f"${path}", how["value"]] for path, how in output.items() if "value" in how}
    return _added(ordering, {path: {"$ifNull": each} for path, each in values.items()})


def _densified(ordering: Ordering, body: Any) -> Ordering:
    """Return the ordering behind `$densify`: what it makes depends on all documents, and has no `_id`."""
    read = [f"${path}" for path in (body.get("field"), *(body.get("partitionByFields") or ()))]
    moved = replace(fewer(ordering), is_sorted=False, sort={}, hidden=None, sequences=False)
    moved = or_arbitrary(replace(moved, unique=False), why_arbitrary(ordering))
    return or_arbitrary(moved, chance_of(ordering, read))


def _is_the_same_in_any_order(window: Any) -> bool:
    """Return whether a field depends on the documents of its window alone, and these on no tie."""
    if not _UNORDERED.isdisjoint(window):
        bounds = window.get("window") or {}
        documents = bounds.get("documents", ["unbounded", "unbounded"])
        by_range = bounds.get("range", [])
        return list(documents) == ["unbounded", "unbounded"] and "current" not in by_range
    return not {"$rank", "$denseRank"}.isdisjoint(window)


def _kept(ordering: Ordering, _body: Any) -> Ordering:
    return ordering


_BY_INPUT_ORDER: Final = frozenset(
    {
        "$first",
        "$last",
        "$firstN",
        "$lastN",
        "$top",
        "$bottom",
        "$topN",
        "$bottomN",
        "$maxN",
        "$minN",
        "$mergeObjects",
        "$accumulator",
    }
)

_UNORDERED: Final = frozenset("$addToSet $avg $count $max $min $stdDevPop $stdDevSamp $sum".split())
"""Window operators to which the order of a window's documents says nothing."""

_STAGES: Final[Mapping[str, Callable[[Ordering, Any], Ordering]]] = {
    "$match": _matched,
    "$redact": _redacted,
    "$geoNear": lambda ordering, _: replace(ordering, is_sorted=True, hidden=SCORE),
    "$project": _projected,
    "$addFields": _added,
    "$set": _added,
    "$unset": _removed,
    "$replaceRoot": _replaced,
    "$replaceWith": _replaced,
    "$skip": skipped,
    "$limit": limited,
    "$unwind": _unwound,
    "$group": _grouped,
    "$bucket": _bucketed,
    "$bucketAuto": _bucketed,
    "$count": _counted,
    "$lookup": _joined,
    "$graphLookup": _joined,
    "$unionWith": _united,
    "$sample": _sampled,
    "$setWindowFields": _windowed,
    "$fill": _filled,
    "$densify": _densified,
    "$out": _kept,
    "$merge": _kept,
    "$documents": _kept,
}
