"""What is finished in memory: the test of documents that SQL selected, and the values of `let`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bson.regex import Regex

from adapters.evaluate.expressions import evaluator
from adapters.evaluate.expressions.variables import Variables
from adapters.evaluate.match import matcher
from adapters.postgresql.storage import AnyStorage
from adapters.query.expression import parse_expression
from adapters.query.filter import Filter, parse_filter

Test = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A filter, ready to run, and what SQL selects for it."""

    tree: Filter
    selection: Any
    of_one: bool
    """Whether it is `{_id: value}` and no more: MongoDB then looks into no sort."""
    variables: Mapping[str, Any] | None

    def test(self, *, drifted: bool) -> Test | None:
        """Return the test that is left, None where SQL is exact; if rows have drifted, it is not."""
        return self._test if drifted or not self.selection.exact else None

    @cached_property
    def _test(self) -> Test:
        return matcher(self.tree, variables=self.variables)


def query_of(
    storage: AnyStorage, document: Mapping[str, Any], *, variables: Mapping[str, Any] | None = None
) -> Query:
    """Return a filter as a query; CommandFailure or UnsupportedError where it is none.

    `variables` are those that `$expr` may name: `NOW`, and what `let` defines.
    """
    tree = parse_filter(document, variables=frozenset(variables or ()) - {"NOW"})
    return Query(
        tree=tree,
        selection=storage.selection_of(tree, variables or {}),
        variables=variables,
        of_one=list(document) == ["_id"] and _is_identity(document["_id"]),
    )


def _is_identity(value: Any) -> bool:
    if isinstance(value, dict):
        return not next(iter(value), "").startswith("$")
    return not isinstance(value, list | Regex)


def values_of_let(let: Any, now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the expressions of `let` give, which see no document."""
    if not isinstance(let, Mapping):
        return {}
    return {
        name: evaluator(parse_expression(expression))(Variables.of({}, now))
        for name, expression in let.items()
    }
