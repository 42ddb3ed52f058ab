"""What an operation fixes of its result: which documents, in which order, and what it leaves to chance.

Where a query leaves a choice to the server (ties, `limit` without a sort, the order in which a group
meets its documents), two right answers may differ. Each such freedom is tracked from stage to stage; where
it can have reached a difference, the difference proves nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from comparators.operation import Kind, Operation

NO_ORDER: Final = "limit or skip without an order that fixes the documents"
TIES: Final = "ties at the cut of limit or skip"
HIDDEN: Final = "the projection hides the sort key"
COLLATION: Final = "a collation decides the order"
SCORE: Final = "a score decides the order"
RANDOM: Final = "the documents are chosen at random"
INPUT_ORDER: Final = "an accumulator depends on the order of its input"
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
    is_sorted: bool = False
    hidden: str | None = None
    """Why the rest of the sort cannot be seen; None when all of it can."""
    rows: Rows = Rows.FIXED
    skips: bool = False
    limit: int = 0
    """0 without a limit at the end."""
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
    facets: Mapping[str, "Ordering"] | None = None
    """For the one document of `$facet`, what is fixed of each of its arrays."""

    @property
    def is_total(self) -> bool:
        """Return whether no two documents tie."""
        return self.is_sorted and self.hidden is None and self.unique and "_id" in self.sort


def ordering_of(operation: Operation) -> Ordering:
    """Return what an operation fixes of the documents it returns."""
    arguments = operation.arguments
    collated = bool(arguments.get("collation")) and not _is_simple(arguments["collation"])
    if operation.kind is Kind.AGGREGATE:
        return _of_pipeline(Ordering(), arguments.get("pipeline") or [], collated=collated)
    if operation.kind is not Kind.FIND:
        return Ordering()
    ordering = _sorted(Ordering(), arguments.get("sort") or {}, collated=collated)
    skip, limit = arguments.get("skip") or 0, abs(arguments.get("limit") or 0)
    ordering = _skipped(ordering, skip)
    ordering = _limited(ordering, limit)
    return _projected(ordering, arguments.get("projection") or {})


def _is_simple(collation: Any) -> bool:
    return isinstance(collation, Mapping) and collation.get("locale") == "simple"


def _of_pipeline(ordering: Ordering, stages: Any, *, collated: bool) -> Ordering:
    for stage in stages:
        name, body = next(iter(stage.items()))
        ordering = _flattened(ordering)
        if name == "$sort":
            ordering = _sorted(ordering, body, collated=collated)
        elif name == "$facet":
            facets = {
                label: _of_pipeline(ordering, inner, collated=collated)
                for label, inner in body.items()
            }
            ordering = Ordering(facets=facets, single=True, arbitrary=ordering.arbitrary)
            continue
        elif name == "$sortByCount":
            ordering = _sorted(_grouped(ordering, {}), {"count": -1}, collated=collated)
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


def _sorted(ordering: Ordering, sort: Any, *, collated: bool) -> Ordering:
    if not isinstance(sort, Mapping) or not sort or "$natural" in sort:
        return ordering
    rows = Rows.FIXED if ordering.rows is Rows.FIXED else Rows.ANY
    ordering = replace(
        ordering, is_sorted=True, hidden=None, sort={}, rows=rows, skips=False, limit=0
    )
    if collated:
        return replace(ordering, hidden=COLLATION)
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
    smaller = int(limit) if not ordering.limit else min(int(limit), ordering.limit)
    return replace(_cut(ordering), limit=smaller)


def _cut(ordering: Ordering) -> Ordering:
    if ordering.is_total or ordering.rows is Rows.ANY:
        return ordering
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
        if any(_overlap(path, each) for each in computed):
            return False
        if path == "_id":
            return plain.get("_id", True)
        if inclusive:
            return any(shown and _is_under(path, each) for each, shown in plain.items())
        return not any(_overlap(path, each) for each, shown in plain.items() if not shown)

    ordering = _seen(ordering, shows)
    return _reshaped(ordering, {path: projection[path] for path in computed}, written=computed)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _is_slice(value: Any) -> bool:
    """Return whether a projection cuts an array, which leaves the other fields as they are."""
    if not isinstance(value, Mapping) or "$slice" not in value:
        return False
    bounds = value["$slice"]
    return _is_switch(bounds[0] if isinstance(bounds, list) and bounds else bounds)


def _overlap(path: str, other: str) -> bool:
    return _is_under(path, other) or _is_under(other, path)


def _is_under(path: str, other: str) -> bool:
    return path == other or path.startswith(other + ".")


def _seen(ordering: Ordering, shows: Callable[[str], bool]) -> Ordering:
    seen: dict[str, Any] = {}
    for path, direction in ordering.sort.items():
        if not shows(path):
            return replace(ordering, sort=seen, hidden=ordering.hidden or HIDDEN)
        seen[path] = direction
    return ordering


def _reshaped(ordering: Ordering, body: Any, *, written: list[str]) -> Ordering:
    """Return the ordering behind a stage that computes fields from others.

    A freedom of a field that is read, or replaced, has gone to a place nobody follows.
    """
    text = repr(body)
    ordering = replace(ordering, unique=ordering.unique and "_id" not in written)
    free = [*ordering.loose, *ordering.vague]
    if any(f"${path.split('.')[0]}" in text or "$$ROOT" in text for path in free) or any(
        _overlap(path, each) for path in free for each in written
    ):
        reasons = [*filter(None, ordering.loose.values()), *ordering.vague.values(), INPUT_ORDER]
        return replace(ordering, arbitrary=ordering.arbitrary or reasons[0])
    return ordering


def _added(ordering: Ordering, body: Any) -> Ordering:
    written = list(body)
    ordering = _seen(ordering, lambda path: not any(_overlap(path, each) for each in written))
    return _reshaped(ordering, body, written=written)


def _removed(ordering: Ordering, body: Any) -> Ordering:
    gone = [body] if isinstance(body, str) else list(body)
    ordering = _seen(ordering, lambda path: not any(_overlap(path, each) for each in gone))
    return replace(ordering, unique=ordering.unique and "_id" not in gone)


def _replaced(ordering: Ordering, body: Any) -> Ordering:
    ordering = _seen(ordering, lambda _: False)
    return _reshaped(ordering, body, written=["_id", *ordering.loose, *ordering.vague])


def _unwound(ordering: Ordering, body: Any) -> Ordering:
    path = (body if isinstance(body, str) else body["path"])[1:]
    index = None if isinstance(body, str) else body.get("includeArrayIndex")
    ordering = _fewer(ordering)
    ordering = _seen(
        ordering, lambda each: not (_overlap(each, path) or (index and _overlap(each, index)))
    )
    is_loose = any(_overlap(path, each) for each in ordering.loose) or "" in ordering.loose
    if is_loose and index:
        return replace(ordering, arbitrary=ordering.arbitrary or INPUT_ORDER)
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
        return TIES if ordering.rows is Rows.TIES else NO_ORDER
    return ordering.arbitrary


def _matched(ordering: Ordering, body: Any) -> Ordering:
    ordering = _fewer(ordering)
    if ordering.vague and any(path in repr(body) for path in ordering.vague):
        return replace(ordering, arbitrary=ordering.arbitrary or INPUT_ORDER)
    return ordering


def _grouped(ordering: Ordering, body: Any) -> Ordering:
    loose: dict[str, str | None] = {}
    vague: dict[str, str] = {}
    reason = None if ordering.is_total else INPUT_ORDER
    reads_freedom = _reshaped(ordering, body, written=[]).arbitrary
    for name, accumulator in body.items():
        operator = next(iter(accumulator), "") if isinstance(accumulator, Mapping) else ""
        if name == "_id":
            continue
        if operator == "$addToSet":
            loose[name] = None
        elif reason and operator == "$push":
            loose[name] = reason
        elif reason and operator in _BY_INPUT_ORDER:
            vague[name] = reason
    return Ordering(
        arbitrary=_arbitrary(ordering) or reads_freedom,
        loose=loose,
        vague=vague,
        single=body.get("_id", ...) is None,
    )


def _bucketed(ordering: Ordering, body: Any) -> Ordering:
    output = body.get("output") or {}
    return replace(_grouped(ordering, output), is_sorted=True, sort={"_id": 1})


def _counted(ordering: Ordering, _body: Any) -> Ordering:
    # How many documents a cut lets through does not depend on which they are.
    return Ordering(arbitrary=ordering.arbitrary, single=True)


def _joined(ordering: Ordering, body: Any) -> Ordering:
    """Return the ordering behind `$lookup`: without a sort of its own, what it finds has no order."""
    field_name = body["as"]
    pipeline = body.get("pipeline") or []
    names = {next(iter(stage)) for stage in pipeline}
    ordering = _seen(ordering, lambda path: not _overlap(path, field_name))
    if names & {"$limit", "$skip", "$sample"}:
        return replace(ordering, vague={**ordering.vague, field_name: NO_ORDER})
    if names & {"$group", "$facet", "$lookup", "$graphLookup", "$unionWith"}:
        return replace(ordering, vague={**ordering.vague, field_name: INPUT_ORDER})
    reason = TIES_INSIDE if "$sort" in names else None
    return replace(ordering, loose={**ordering.loose, field_name: reason})


def _united(ordering: Ordering, _body: Any) -> Ordering:
    return replace(
        _fewer(ordering), is_sorted=False, sort={}, hidden=None, unique=False, sequences=False
    )


def _sampled(ordering: Ordering, _body: Any) -> Ordering:
    return replace(ordering, arbitrary=RANDOM)


def _windowed(ordering: Ordering, body: Any) -> Ordering:
    output = body.get("output") or {}
    ordering = replace(ordering, is_sorted=False, sort={}, hidden=None)
    by = body.get("sortBy") or {}
    if "_id" in by:
        return _reshaped(ordering, body, written=list(output))
    return replace(ordering, vague={**ordering.vague, **dict.fromkeys(output, INPUT_ORDER)})


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

_STAGES: Final[Mapping[str, Callable[[Ordering, Any], Ordering]]] = {
    "$match": _matched,
    "$redact": _matched,
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
    "$out": _kept,
    "$merge": _kept,
    "$indexStats": _sampled,
    "$collStats": _sampled,
}
