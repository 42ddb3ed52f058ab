"""Documents in the order of a sort."""

from collections.abc import Iterable
from typing import Any

from adapters.query.sort import Sort
from comparators.order import sort_key


def sorted_documents(documents: Iterable[dict[str, Any]], sort: Sort) -> list[dict[str, Any]]:
    """Return the documents sorted; those that tie keep their order."""
    if not sort:
        return list(documents)
    return sorted(documents, key=lambda document: sort_key(document, sort))
