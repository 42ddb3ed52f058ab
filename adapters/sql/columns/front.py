"""The front of a pipeline that one statement can answer: conditions, order and cut, and perhaps a group or a count."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.query.filter import EVERYTHING, And, Filter
from adapters.query.pipeline import Count, Group, Limit, Match, Skip, Sort, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What a pipeline begins with, in the order in which `find` does the same; `rest` follows in memory.

    A `group` stands only behind a filter without order and cut, a `count` behind any.
    """

    filter: Filter
    sort: dict[str, int]
    skip: int
    limit: int | None
    group: Group | None
    count: Count | None
    rest: tuple[Stage, ...]


def front_of(stages: Sequence[Stage]) -> Front:
    """Return the front of a pipeline."""
    rest = list(stages)
    conditions: list[Filter] = []
    sort: dict[str, int] = {}
    while rest:
        match rest[0]:
            case Match(filter=condition):
                # Behind a `$sort` it finds the same.
                conditions.append(condition)
            case Sort(sort=keys) if not sort:
                sort = dict(keys)
            case _:
                break
        del rest[0]
    skip, limit = _cut(rest)
    group: Group | None = None
    count: Count | None = None
    match rest[:1]:
        case [Group() as group] if not sort and not skip and limit is None:
            del rest[0]
        case [Count() as count]:
            group = None
            del rest[0]
        case _:
            group = None
    return Front(
        filter=_all(conditions),
        sort={} if count is not None and limit is None and not skip else sort,
        skip=skip,
        limit=limit,
        group=group,
        count=count,
        rest=tuple(rest),
    )


def _cut(rest: list[Stage]) -> tuple[int, int | None]:
    """Take `$skip` and `$limit` off the front, in this order or alone."""
    match rest[:2]:
        case [Skip(count=skip), Limit(count=limit)]:
            del rest[:2]
            return skip, limit
        case [Skip(count=skip), *_]:
            del rest[0]
            return skip, None
        case [Limit(count=limit), *_]:
            del rest[0]
            return 0, limit
        case _:
            return 0, None


def _all(conditions: list[Filter]) -> Filter:
    if len(conditions) == 1:
        return conditions[0]
    return And(children=tuple(conditions)) if conditions else EVERYTHING
