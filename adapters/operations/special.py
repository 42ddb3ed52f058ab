"""Collections that are no ordinary ones: remembered, so that no operation on them is answered wrongly.

A view shows what others hold, a capped collection drops its oldest documents, a time series collection stores buckets: of
none of these is there a counterpart here.
Source: MongoDB manual, "create".
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.operations.catalog import Catalog
from adapters.query.unsupported import unsupported
from comparators.operation import Kind, Operation

KINDS: Final[Mapping[str, str]] = {
    "viewOn": "a view",
    "timeseries": "a time series collection",
    "capped": "a capped collection",
    "clusteredIndex": "a clustered collection",
}
"""By the option that makes one, what it is."""

FREE: Final = frozenset({Kind.CREATE, Kind.DROP, Kind.DROP_DATABASE})
"""What needs to know nothing of the documents."""


def special_option(options: Mapping[str, Any]) -> str | None:
    """Return the option that makes a collection special, None for an ordinary one."""
    return next((name for name in KINDS if options.get(name)), None)


def check_ordinary(operation: Operation, catalog: Catalog[Any]) -> None:
    """Raise UnsupportedError for an operation on a special collection, by what it is."""
    if operation.kind in FREE:
        return
    if operation.kind is Kind.LIST_COLLECTIONS:
        for name in catalog.names(operation.database):
            check_source(catalog, operation.database, name)
        return
    check_source(catalog, operation.database, operation.collection)


def check_source(catalog: Catalog[Any], database: str, name: str) -> None:
    """Raise UnsupportedError where a collection, if it exists, is special."""
    found = catalog.collection(database, name)
    if found is not None:
        check_options(found.options, where=f"{database}.{name}")


def check_options(options: Mapping[str, Any], *, where: str) -> None:
    """Raise UnsupportedError for the options of a special collection."""
    option = special_option(options)
    if option is not None:
        raise unsupported(KINDS[option], where=where)
