"""The order of values that an operation asks for, or that its collection has, and what it means for SQL.

SQL compares strings by their bytes: under a collation, a condition on strings selects everything.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bson.dbref import DBRef

from adapters.query.collation import listed_collation, parse_collation
from adapters.query.filter import (
    EVERYTHING,
    And,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    ExpressionHolds,
    Filter,
    In,
    Nor,
    Not,
    Or,
)
from adapters.query.unsupported import unsupported
from comparators.collation import Collation, order_under
from comparators.order import SIMPLE, ValueOrder


def order_of_values(given: Any, default: Mapping[str, Any] | None) -> ValueOrder:
    """Return the order that a command's `collation` asks for, else that of the collection.

    CommandFailure for a collation that MongoDB refuses.
    """
    asked = given or default
    collation = None if asked is None else parse_collation(asked)
    return SIMPLE if collation is None else order_under(collation)


def collation_of_collection(given: Any) -> dict[str, Any] | None:
    """Return the collation that `create` gives a collection as it is kept, None for the simple one."""
    collation = None if given is None else parse_collation(given, of_collection=True)
    return None if collation is None else kept_collation(collation)


def kept_collation(collation: Collation) -> dict[str, Any]:
    """Return a collation as it is kept; UnsupportedError where none can be compared by."""
    order_under(collation)
    return listed_collation(collation)


def indifferent(part: Filter) -> Filter:
    """Return a filter that holds of more documents: what strings may decide is left out."""
    match part:
        case And(children=children):
            return And(children=tuple(map(indifferent, children)))
        case Or(children=children):
            return Or(children=tuple(map(indifferent, children)))
        case ElementMatches(query=query):
            return replace(part, query=indifferent(query))
        case ElementSatisfies(conditions=conditions):
            return replace(part, conditions=indifferent(conditions))
        case Nor() | Not() | ExpressionHolds():
            return EVERYTHING
        case Comparison(value=value) if holds_text(value):
            return EVERYTHING
        case In(values=values) if any(map(holds_text, values)):
            return EVERYTHING
        case _:
            return part


def holds_text(value: Any) -> bool:
    """Return whether a value is a string, or has one inside of it."""
    if isinstance(value, str):
        return True
    if isinstance(value, DBRef):
        return True
    if isinstance(value, Mapping):
        return any(map(holds_text, value.values()))
    return isinstance(value, list) and any(map(holds_text, value))


def check_stages(pipeline: Any) -> None:
    """Raise UnsupportedError for a stage whose use of a collation is not known."""
    for stage in pipeline if isinstance(pipeline, list) else []:
        for name, body in stage.items() if isinstance(stage, Mapping) else []:
            if name not in STAGES:
                raise unsupported(f"collation in {name}", where="pipeline")
            if name == "$facet" and isinstance(body, Mapping):
                for inner in body.values():
                    check_stages(inner)
            if name in {"$lookup", "$unionWith"} and isinstance(body, Mapping):
                check_stages(body.get("pipeline"))


STAGES: Final = frozenset(
    "$addFields $bucket $bucketAuto $count $densify $documents $facet $fill $graphLookup $group $limit $lookup $match $project $redact "
    "$replaceRoot $replaceWith $sample $set $setWindowFields $skip $sort $sortByCount $unionWith $unset $unwind".split()
)
"""Stages that compare in the order they are given, or not at all."""
