"""What is finished in memory: the test of documents that SQL selected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.evaluate.match import matcher
from adapters.postgresql.narrowing import selection_of
from adapters.query.filter import parse_filter
from adapters.sql.plan import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A filter, ready to run: what SQL selects, and the test that is left (None: SQL is exact)."""

    selection: Selection
    matches: Callable[[dict[str, Any]], bool] | None


def query_of(document: Mapping[str, Any], *, variables: Mapping[str, Any] | None = None) -> Query:
    """Return a filter as a query; CommandFailure or UnsupportedError where it is none.

    `variables` are those that `$expr` may name: `NOW`, and what `let` defines.
    """
    tree = parse_filter(document)
    selection = selection_of(tree)
    return Query(
        selection=selection,
        matches=None if selection.exact else matcher(tree, variables=variables),
    )
