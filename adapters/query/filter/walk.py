"""What a filter holds anywhere in its tree."""

from adapters.query.filter.tree import And, ExpressionHolds, Filter, Nor, Not, Or


def holds_expression(filter: Filter) -> bool:  # noqa: A002 - MongoDB's word
    """Return whether a filter has `$expr`, which some commands take in no place."""
    match filter:
        case ExpressionHolds():
            return True
        case And(children=children) | Or(children=children) | Nor(children=children):
            return any(map(holds_expression, children))
        case Not(child=child):
            return holds_expression(child)
        case _:
            return False
