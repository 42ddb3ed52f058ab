"""Documents past the date of a TTL index: the database deletes them in its own time, a repository shows them no more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS

from adapters.gateway import Expiry
from adapters.mongoose.populating import Narrowing
from adapters.mongoose.schema import ModelSchema

EXPIRES = "expireAfterSeconds"


def expiries_of(schema: ModelSchema) -> tuple[Expiry, ...]:
    """Return the TTL indexes of a model."""
    return tuple(
        Expiry(path=next(iter(index["key"])), after_s=int(index[EXPIRES]))
        for index in schema.indexes
        if EXPIRES in index
    )


def limit_of(expiry: Expiry, now_ms: int) -> DatetimeMS:
    """Return the last date that has expired."""
    return DatetimeMS(now_ms - expiry.after_s * 1000)


def living(
    condition: Mapping[str, Any], expiries: Sequence[Expiry], now_ms: int
) -> Mapping[str, Any]:
    """Return a filter for what it selects and has not expired; what has no date never does."""
    if not expiries:
        return condition
    dates = [(each.path, {"$not": {"$lte": limit_of(each, now_ms)}}) for each in expiries]
    # Side by side they have an outline of their own; a path that is there already takes a second filter.
    alive = dict(dates)
    if len(alive) == len(dates) and alive.keys().isdisjoint(condition):
        return {**condition, **alive}
    return {"$and": [condition, *({path: date} for path, date in dates)]}


def living_of(clock: Callable[[], int]) -> Narrowing:
    """Return what narrows a filter to documents of a model that have not expired."""
    known: dict[str, tuple[Expiry, ...]] = {}

    def narrowed(schema: ModelSchema, condition: Mapping[str, Any]) -> Mapping[str, Any]:
        expiries = known.get(schema.name)
        if expiries is None:
            expiries = known[schema.name] = expiries_of(schema)
        return living(condition, expiries, clock())

    return narrowed


def gone(expiries: Sequence[Expiry], now_ms: int) -> Mapping[str, Any]:
    """Return the filter for what has expired."""
    return {"$or": [{each.path: {"$lte": limit_of(each, now_ms)}} for each in expiries]}


def living_elements(path: str, expiries: Sequence[Expiry], now_ms: int) -> dict[str, Any]:
    """Return the expression for the documents of an array at `path` that have not expired."""
    gone_by = [
        {
            "$and": [
                {"$eq": [{"$type": f"$$this.{each.path}"}, "date"]},
                {"$lte": [f"$$this.{each.path}", limit_of(each, now_ms)]},
            ]
        }
        for each in expiries
    ]
    return {"$filter": {"input": f"${path}", "cond": {"$not": [{"$or": gone_by}]}}}
