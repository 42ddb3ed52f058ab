"""What is finished in memory: the test of documents that SQL selected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bson.regex import Regex

from adapters.evaluate.match import matcher
from adapters.operations.collating import indifferent
from adapters.operations.searching import check_of, searching
from adapters.operations.session import Session
from adapters.query.collated import collated
from adapters.query.filter import Filter, parse_query
from comparators.order import SIMPLE, ValueOrder

Test = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A filter, ready to run, and what SQL selects for it."""

    tree: Filter
    selection: Any
    of_one: bool
    """Whether MongoDB goes by the `_id` alone, without a plan: it then looks into no sort."""
    variables: Mapping[str, Any] | None
    order: ValueOrder = SIMPLE
    """That of values, also for what else the operation does with the documents."""

    @property
    def exact(self) -> bool:
        """Whether SQL selects what the filter matches, and nothing else."""
        return bool(self.selection.exact) and self.order.is_simple

    def test(self, *, drifted: bool) -> Test | None:
        """Return the test that is left, None where SQL is exact; if rows have drifted, it is not."""
        return self.matches if drifted or not self.exact else None

    @cached_property
    def matches(self) -> Test:
        """The test of whole documents."""
        return matcher(self.tree, variables=self.variables)


def query_of(
    session: Session,
    document: Mapping[str, Any],
    *,
    variables: Mapping[str, Any] | None = None,
    order: ValueOrder = SIMPLE,
    upsert: bool = False,
) -> Query:
    """Return a filter as a query; CommandFailure or UnsupportedError where it is none.

    `variables` are those that `$expr` may name: `NOW`, and what `let` defines.
    """
    parsed = parse_query(
        document,
        variables=frozenset(variables or ()) - {"NOW"},
        upsert=upsert,
        check_text=check_of(session),
    )
    tree = collated(searching(parsed, session, order), order)
    narrowing = tree if order.is_simple else indifferent(tree)
    return Query(
        tree=tree,
        selection=session.storage.selection_of(narrowing, variables or {}),
        variables=variables,
        of_one=_is_of_one(session, document, order),
        order=order,
    )


def _is_of_one(session: Session, document: Mapping[str, Any], order: ValueOrder) -> bool:
    """Return whether a filter is `{_id: value}` and no more, under the collation of the index on it."""
    if list(document) != ["_id"] or session.operation.arguments.get("hint"):
        return False
    value = document["_id"]
    if isinstance(value, dict):
        return not next(iter(value), "").startswith("$") and order is session.order_under({})
    plain = value is not None and not isinstance(value, list | Regex)
    return plain and order is session.order_under({})
