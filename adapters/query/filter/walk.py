"""What a filter holds anywhere in its tree."""

from adapters.query.filter.tree import And, ExpressionHolds, Filter, Nor, Not, Or, SchemaHolds


def holds_expression(filter: Filter) -> bool:  # noqa: A002 - MongoDB's word
    """Return whether a filter has `$expr`, which some commands take in no place."""
    return _holds(filter, ExpressionHolds)


def holds_schema(filter: Filter) -> bool:  # noqa: A002
    """Return whether a filter has `$jsonSchema`, which no projection by a position stands beside."""
    return _holds(filter, SchemaHolds)


def _holds(filter: Filter, kind: type[ExpressionHolds | SchemaHolds]) -> bool:  # noqa: A002
    match filter:
        case And(children=children) | Or(children=children) | Nor(children=children):
            return any(_holds(child, kind) for child in children)
        case Not(child=child):
            return _holds(child, kind)
        case _:
            return isinstance(filter, kind)
