"""A query through the plan: the SQL, what is left to do in memory, and why. Nothing is connected to."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.entities.entity import EntityMap
from adapters.postgresql.connections import Connections
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.storage import AnyStorage
from adapters.query.filter import parse_query
from adapters.query.sort import parse_sort

NOWHERE: Final = "postgresql://localhost"


def explain_find(
    database: str,
    collection: str,
    entity: EntityMap | None,
    *,
    query: Mapping[str, Any],
    sort: Mapping[str, Any],
    skip: int = 0,
    limit: int | None = None,
) -> str:
    """Return how a `find` is run on the table of a map, or on a table of documents where there is none.

    CommandFailure for a query that MongoDB refuses, UnsupportedError for one that the gateway does.
    """
    storage: AnyStorage = document_storage(database, collection)
    if entity is not None:
        storage = MappedStorage(database, entity, Layouts(Connections(NOWHERE, limit=1)))
    selection = storage.selection_of(parse_query(query), {})
    read = storage.find(selection, sort=parse_sort(sort), skip=skip, limit=limit)
    return f"{read.statement.text}\n{read.plan.describe()}"
