"""What an operation fixes of its result: which documents, in which order, and what it leaves to chance.

Where a query leaves a choice to the server (ties, `limit` without a sort, the order in which a group
meets its documents), two right answers may differ. Each such freedom is tracked from stage to stage; where
it can have reached a difference, the difference proves nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from bson.decimal128 import Decimal128

from comparators.collation import order_asked_for
from comparators.dependence import (
    depends_on_order,
    filter_depends_on_order,
    is_under,
    kept_array,
    overlap,
    reads,
)
from comparators.operation import Kind, Operation
from comparators.order import SIMPLE, ValueOrder

T = TypeVar("T")

LARGEST: Final = 2**63 - 1
NO_ORDER: Final = "limit or skip without an order that fixes the documents"
TIES: Final = "ties at the cut of limit or skip"
HIDDEN: Final = "the projection hides the sort key"
COLLATION: Final = "a collation decides the order"
SCORE: Final = "a score decides the order"
RANDOM: Final = "the documents are chosen at random"
INPUT_ORDER: Final = "an accumulator depends on the order of its input"
FIELD_ORDER: Final = "fields have an order of the server's own"
NOWHERE: Final = "\0\0"
"""A path that no field has: whoever reads it reads the whole document."""
ARRAY_ORDER: Final = "an array has an order of the server's own"
TIES_INSIDE: Final = "ties among documents inside a document"
UNKNOWN_STAGE: Final = "a stage whose effect on the order is not known"


class Rows(StrEnum):
    """What fixes which documents are in the result."""

    FIXED = "fixed"
    TIES = "ties"
    """All but those that tie with the last one inside or the first one outside."""
    ANY = "any"
    """Their number alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """What is fixed. `sort` is the leading part of the sort that can be seen in the result."""

    sort: Mapping[str, Any] = field(default_factory=dict)
    values: ValueOrder = SIMPLE
    """The order of values by which it sorts."""
    is_sorted: bool = False
    hidden: str | None = None
    """Why the rest of the sort cannot be seen; None when all of it can."""
    rows: Rows = Rows.FIXED
    skips: bool = False
    limit: int = 0
    """0 without a limit at the end."""
    sample: int = 0
    """How many documents were asked for at random, 0 where the result shows that no more: with fewer
    in the result, all there are must be in it."""
    arbitrary: str | None = None
    """Why the whole result may differ; None when it may not."""
    loose: Mapping[str, str | None] = field(default_factory=dict)
    """Fields whose arrays have no fixed order: None when it never counts, else why nobody can tell.

    The empty path stands for every array."""
    vague: Mapping[str, str] = field(default_factory=dict)
    """Fields whose value is left to chance, and why."""
    unique: bool = True
    """Whether each `_id` occurs once."""
    sequences: bool = False
    """Whether documents of one `_id` keep their order among themselves."""
    single: bool = False
    """Whether there is one document whatever the order of the input."""
    scattered: frozenset[str] = frozenset()
    """Fields that come in no order among themselves, and differently each time."""
    facets: Mapping[str, "Ordering"] | None = None
    """For the one document of `$facet`, what is fixed of each of its arrays."""

    @property
    def is_total(self) -> bool:
        """Return whether no two documents tie."""
        if not self.unique or "_id" not in self.sort or not self.values.is_simple:
            return False
        return self.is_sorted and self.hidden is None


def ordering_of(operation: Operation) -> Ordering:
    """Return what an operation fixes of the documents it returns."""
    arguments = operation.arguments
    values = order_asked_for(arguments.get("collation"))
    if operation.kind is Kind.AGGREGATE:
        return _of_pipeline(Ordering(), arguments.get("pipeline") or [], values=values)
    if operation.kind is not Kind.FIND:
        return Ordering()
    ordering = _sorted(Ordering(), arguments.get("sort") or {}, values=values)
    skip, limit = arguments.get("skip") or 0, abs(arguments.get("limit") or 0)
    ordering = _skipped(ordering, skip)
    ordering = _limited(ordering, limit)
    return _projected(ordering, arguments.get("projection") or {})


def freedom_of(operation: Operation) -> str | None:
    """Return why two servers may rightly store something else at the end of a pipeline.

    That a result has no order is no freedom of what is stored, the order inside of an array is.
    """
    ordering = ordering_of(operation)
    if ordering.facets is not None:
        ordering = _flattened(ordering)
    reasons = [_arbitrary(ordering), *ordering.vague.values(), *ordering.loose.values()]
    reasons += [FIELD_ORDER] if ordering.scattered else []
    return next(filter(None, reasons), ARRAY_ORDER if ordering.loose else None)


def _of_pipeline(ordering: Ordering, stages: Any, *, values: ValueOrder | None) -> Ordering:
    for stage in stages:
        name, body = next(iter(stage.items()))
        ordering = _flattened(ordering)
        if name == "$sort":
            ordering = _sorted(ordering, body, values=values)
        elif name == "$facet":
            facets = {
                label: _of_pipeline(ordering, inner, values=values) for label, inner in body.items()
            }
            ordering = Ordering(facets=facets, single=True, arbitrary=ordering.arbitrary)
            continue
        elif name == "$sortByCount":
            ordering = _sorted(_grouped(ordering, {"_id": body}), {"count": -1}, values=values)
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
        free = _arbitrary(facet) or next(
            iter([*facet.vague.values(), *map(str, facet.loose)]), None
        )
        if free is not None:
            vague[name] = facet.arbitrary or INPUT_ORDER
        elif not facet.single and not facet.is_total:
            loose[name] = TIES_INSIDE if facet.is_sorted else None
    return replace(ordering, facets=None, loose=loose, vague=vague)


def _sorted(ordering: Ordering, sort: Any, *, values: ValueOrder | None) -> Ordering:
    if not isinstance(sort, Mapping) or not sort or "$natural" in sort:
        return ordering
    rows = Rows.FIXED if ordering.rows is Rows.FIXED else Rows.ANY
    ordering = replace(
        ordering, is_sorted=True, hidden=None, sort={}, rows=rows, skips=False, limit=0, sample=0
    )
    if values is None:
        return replace(ordering, hidden=COLLATION)
    ordering = replace(ordering, values=values)
    seen: dict[str, Any] = {}
    for path, direction in sort.items():
        if isinstance(direction, Mapping):
            return replace(ordering, sort=seen, hidden=SCORE)
        if path in ordering.vague:
            return replace(ordering, sort=seen, hidden=ordering.vague[path])
        seen[path] = direction
    return replace(ordering, sort=seen, sequences=False)


def _skipped(ordering: Ordering, skip: Any) -> Ordering:
    return replace(_cut(ordering), skips=True) if skip else ordering


def _limited(ordering: Ordering, limit: Any) -> Ordering:
    if not limit:
        return ordering
    smaller = _whole(limit) if not ordering.limit else min(_whole(limit), ordering.limit)
    return replace(_cut(ordering), limit=smaller)


def _whole(count: Any) -> int:
    exact = count.to_decimal() if isinstance(count, Decimal128) else count
    return LARGEST if exact > LARGEST else int(exact) if exact == exact else 0  # noqa: PLR0124 - NaN


def _cut(ordering: Ordering) -> Ordering:
    if ordering.is_total or ordering.rows is Rows.ANY:
        return replace(ordering, sample=0)
    return replace(ordering, rows=Rows.TIES if ordering.is_sorted else Rows.ANY)


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

    ordering = _seen(ordering, shows)
    return _reshaped(ordering, {path: projection[path] for path in computed})


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _is_slice(value: Any) -> bool:
    """Return whether a projection cuts an array, which leaves the other fields as they are."""
    if not isinstance(value, Mapping) or "$slice" not in value:
        return False
    bounds = value["$slice"]
    return _is_switch(bounds[0] if isinstance(bounds, list) and bounds else bounds)


def _seen(ordering: Ordering, shows: Callable[[str], bool]) -> Ordering:
    seen: dict[str, Any] = {}
    for path, direction in ordering.sort.items():
        if not shows(path):
            return replace(ordering, sort=seen, hidden=ordering.hidden or HIDDEN)
        seen[path] = direction
    return ordering


def _reshaped(ordering: Ordering, computed: Mapping[str, Any]) -> Ordering:
    """Return the ordering behind a stage that computes fields; each takes over what it is made of."""
    loose = _outside(ordering.loose, computed)
    vague = _outside(ordering.vague, computed)
    for path, expression in computed.items():
        kept = kept_array(expression, ordering.loose)
        reason = _chance(ordering, expression)
        if kept is not None and not reads(expression, ordering.vague):
            loose[path] = ordering.loose[kept]
        elif reason is not None:
            # Inside of an array the path of a difference names the array as well.
            above = next((each for each in loose if is_under(path, each)), path)
            vague[above] = reason
    unique = ordering.unique and "_id" not in computed
    return replace(ordering, unique=unique, loose=loose, vague=vague)


def _outside(free: Mapping[str, T], written: Collection[str]) -> dict[str, T]:
    """Return the freedoms that are not overwritten."""
    return {
        path: why for path, why in free.items() if not any(is_under(path, each) for each in written)
    }


def _chance(ordering: Ordering, expression: Any) -> str | None:
    """Return why the value of an expression is left to chance, None where it is not."""
    for path, why in ordering.vague.items():
        if reads(expression, [path]):
            return why
    if ordering.scattered and reads(expression, [NOWHERE]):
        return FIELD_ORDER
    if depends_on_order(expression, ordering.loose):
        return next(filter(None, ordering.loose.values()), INPUT_ORDER)
    return None


def _or_arbitrary(ordering: Ordering, reason: str | None) -> Ordering:
    return replace(ordering, arbitrary=ordering.arbitrary or reason)


def _added(ordering: Ordering, body: Any) -> Ordering:
    written = list(body)
    ordering = _seen(ordering, lambda path: not any(overlap(path, each) for each in written))
    return _reshaped(ordering, body)


def _removed(ordering: Ordering, body: Any) -> Ordering:
    gone = [body] if isinstance(body, str) else list(body)
    ordering = _seen(ordering, lambda path: not any(overlap(path, each) for each in gone))
    return replace(ordering, unique=ordering.unique and "_id" not in gone)


def _replaced(ordering: Ordering, body: Any) -> Ordering:
    ordering = replace(_seen(ordering, lambda _: False), unique=False)
    root = body.get("newRoot", body) if isinstance(body, Mapping) else body
    bare = replace(ordering, loose={}, vague={})
    if isinstance(root, Mapping) and not any(name.startswith("$") for name in root):
        made = _reshaped(ordering, root)
        return replace(bare, loose=_of(made.loose, root), vague=_of(made.vague, root))
    return _or_arbitrary(bare, _chance(ordering, root))


def _of(free: Mapping[str, T], written: Collection[str]) -> dict[str, T]:
    return {path: why for path, why in free.items() if path in written}


def _unwound(ordering: Ordering, body: Any) -> Ordering:
    path = (body if isinstance(body, str) else body["path"])[1:]
    index = None if isinstance(body, str) else body.get("includeArrayIndex")
    ordering = _fewer(ordering)
    ordering = _seen(
        ordering, lambda each: not (overlap(each, path) or (index and overlap(each, index)))
    )
    is_loose = any(overlap(path, each) for each in ordering.loose) or "" in ordering.loose
    if (is_loose and index) or any(overlap(path, each) for each in ordering.vague):
        return _or_arbitrary(ordering, INPUT_ORDER)
    loose = {each: why for each, why in ordering.loose.items() if each != path}
    return replace(
        ordering,
        unique=False,
        loose=loose,
        sequences=ordering.is_sorted and ordering.unique and not is_loose,
    )


def _fewer(ordering: Ordering) -> Ordering:
    """Return the ordering behind a stage that gives another number of documents than it takes."""
    if ordering.rows is Rows.FIXED:
        return replace(ordering, skips=False, limit=0)
    return replace(ordering, arbitrary=ordering.arbitrary or _arbitrary(ordering))


def _arbitrary(ordering: Ordering) -> str | None:
    """Return why what is computed from all documents may differ."""
    if ordering.arbitrary is None and ordering.rows is not Rows.FIXED:
        if ordering.sample:
            return RANDOM
        return TIES if ordering.rows is Rows.TIES else NO_ORDER
    return ordering.arbitrary


def _matched(ordering: Ordering, body: Any) -> Ordering:
    ordering = _fewer(ordering)
    if any(path in repr(body) for path in ordering.vague) or filter_depends_on_order(
        body, ordering.loose
    ):
        return _or_arbitrary(ordering, INPUT_ORDER)
    return ordering


def _redacted(ordering: Ordering, body: Any) -> Ordering:
    ordering = _fewer(ordering)
    return _or_arbitrary(ordering, _chance(ordering, body))


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
        chance = _chance(ordering, accumulator)
        if chance is not None:
            vague[name] = chance
        elif operator == "$addToSet":
            loose[name] = None
        elif reason and operator == "$push":
            loose[name] = reason
        elif reason and operator in _BY_INPUT_ORDER:
            vague[name] = reason
    return Ordering(
        arbitrary=_arbitrary(ordering) or _chance(ordering, body.get("_id")),
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
    chance = _chance(replace(ordering, loose={}), joined_by) or _chance(ordering, body.get("let"))
    inner = _of_pipeline(Ordering(), body.get("pipeline") or [], values=SIMPLE)
    free = chance or _arbitrary(inner)
    if free is None and (inner.vague or inner.loose or inner.facets):
        free = INPUT_ORDER
    ordering = _seen(ordering, lambda path: not overlap(path, into))
    loose, vague = _outside(ordering.loose, [into]), _outside(ordering.vague, [into])
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
        _fewer(ordering),
        arbitrary=_arbitrary(ordering) or _arbitrary(inner),
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
    taken = replace(_fewer(ordering), is_sorted=False, sort={}, hidden=None, sequences=False)
    return replace(taken, rows=Rows.ANY, sample=_whole(body["size"]), single=False)


def _windowed(ordering: Ordering, body: Any) -> Ordering:
    output, by = body.get("output") or {}, body.get("sortBy") or {}
    moved = replace(_fewer(ordering), is_sorted=False, sort={}, hidden=None, sequences=False)
    moved = _seen(moved, lambda path: not any(overlap(path, each) for each in output))
    loose, vague = _outside(moved.loose, output), _outside(moved.vague, output)
    key = _chance(ordering, body.get("partitionBy"))
    ties = None if "_id" in by and ordering.unique else INPUT_ORDER
    for path, window in output.items():
        chance = _chance(ordering, window) or key
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
    moved = replace(_fewer(ordering), is_sorted=False, sort={}, hidden=None, sequences=False)
    moved = _or_arbitrary(replace(moved, unique=False), _arbitrary(ordering))
    return _or_arbitrary(moved, _chance(ordering, read))


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
    "$skip": _skipped,
    "$limit": _limited,
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
