"""`$text` in an operation: read by the text index of the collection, and what may not stand beside it.

Source: observed on a server 6.0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.operations.session import Session
from adapters.query.failures import CommandFailure
from adapters.query.filter import (
    NOTHING,
    And,
    Comparator,
    Comparison,
    Filter,
    In,
    Text,
    over_index,
    searched,
    texts_of,
)
from adapters.query.paths import Path
from adapters.query.text_index import TextIndex, text_index_of
from adapters.query.unsupported import unsupported
from comparators.operation import Kind
from comparators.order import ValueOrder

BAD_VALUE: Final = 2
NO_PLAN: Final = 291
STATEMENTS: Final = ("updates", "deletes")


def check_of(session: Session) -> Callable[[Text], None]:
    """Return what refuses a search that no index of the collection can do."""

    def check(text: Text) -> None:
        if not _counts_nothing(session):
            searched(text, _index(session))

    return check


def searching(tree: Filter, session: Session, order: ValueOrder) -> Filter:
    """Return a filter whose `$text`, if it has one, can be run; CommandFailure where none can be here."""
    if not texts_of(tree):
        return tree
    arguments = session.operation.arguments
    index = _index(session)
    bound = NOTHING if _counts_nothing(session) else over_index(tree, index)
    if arguments.get("hint"):
        raise CommandFailure(BAD_VALUE, "text and hint not allowed in same query")
    if any(_hinted(arguments.get(name)) for name in STATEMENTS):
        raise unsupported("$text beside a hint", where="statement")
    if "$natural" in (arguments.get("sort") or {}):
        raise CommandFailure(BAD_VALUE, "text expression not allowed with $natural sort order")
    if not order.is_simple:
        raise unsupported("$text under a collation", where="filter")
    if index is not None and not set(index.before) <= _fixed(bound):
        raise CommandFailure(
            NO_PLAN,
            "failed to use text index to satisfy $text query",
            code_name="NoQueryExecutionPlans",
        )
    return bound


def _counts_nothing(session: Session) -> bool:
    return session.operation.kind is Kind.COUNT and not session.exists


def _index(session: Session) -> TextIndex | None:
    found = [text_index_of(each.specification) for each in session.indexes]
    text = [each for each in found if each is not None]
    if len(text) > 1:
        # MongoDB refuses the second one, which the gateway remembers.
        raise unsupported("$text with two text indexes", where="index")
    return text[0] if text else None


def _hinted(statements: Any) -> bool:
    return any(
        isinstance(each, Mapping) and each.get("hint")
        for each in (statements if isinstance(statements, list) else [])
    )


def _fixed(tree: Filter) -> set[Path]:
    """Return the paths whose value a filter fixes."""
    match tree:
        case And(children=children):
            return {path for child in children for path in _fixed(child)}
        case Comparison(path=path, comparator=Comparator.EQ):
            return {path}
        case In(path=path, values=(_,), patterns=()):
            return {path}
        case _:
            return set()
