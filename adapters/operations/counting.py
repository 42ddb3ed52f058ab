"""Pipelines that only count: `countDocuments` arrives as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from comparators.canonical import encode
from comparators.outcome import Documents

ONE_EACH: Final[Mapping[str, Any]] = {"$sum": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is counted; without a limit, `limit` is None. The result has `identifier` as its `_id`."""

    query: Mapping[str, Any]
    skip: int
    limit: int | None
    identifier: Any


def counting_of(pipeline: Sequence[Mapping[str, Any]]) -> Counting | None:
    """Return what a pipeline counts, None where it does something else."""
    rest = list(pipeline)
    last = rest.pop() if rest else {}
    group = last.get("$group")
    if not isinstance(group, dict) or list(group) != ["_id", "n"] or group["n"] != ONE_EACH:
        return None
    if type(group["n"]["$sum"]) is not int or not (group["_id"] is None or group["_id"] == 1):
        return None
    query: Mapping[str, Any] = {}
    if rest and "$match" in rest[0]:
        query = rest.pop(0)["$match"]
    skip = int(rest.pop(0)["$skip"]) if rest and "$skip" in rest[0] else 0
    limit = int(rest.pop(0)["$limit"]) if rest and "$limit" in rest[0] else None
    if rest or "$expr" in query:
        return None
    return Counting(query=query, skip=skip, limit=limit, identifier=group["_id"])


def documents_of_count(counting: Counting, n: int) -> Documents:
    """Return what the pipeline gives: nothing for none."""
    return Documents(documents=(encode({"_id": counting.identifier, "n": n}),) if n else ())
