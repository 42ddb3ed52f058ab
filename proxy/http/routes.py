"""Every route of the API."""

from typing import Final

from adapters.repositories.appending import APPEND_ONLY
from proxy.http.declared import Route
from proxy.http.document_routes import DOCUMENTS
from proxy.http.file_routes import STORED_FILES
from proxy.http.list_routes import LISTS
from proxy.http.problems import Code
from proxy.http.search_routes import SEARCHES
from proxy.http.transaction_routes import TRANSACTIONS

# The first that fits an address has it: what is named comes before any `{entity}`.
ROUTES: Final = (*SEARCHES, *TRANSACTIONS, *STORED_FILES, *LISTS, *DOCUMENTS)


def problems_of(route: Route) -> frozenset[Code]:
    """Return everything that a route may answer instead."""
    found = {
        *route.problems,
        Code.BAD_REQUEST,
        Code.UNAUTHENTICATED,
        Code.OUT_OF_SCOPE,
        Code.TOO_MANY_REQUESTS,
        Code.BUG,
        Code.UNREACHABLE,
        Code.TOOK_TOO_LONG,
        Code.BAD_PARAMETER,
        Code.TOO_LARGE,
    }
    if "{entity}" in route.path and route.entity is None:
        found.add(Code.NO_SUCH_ENTITY)
    if route.body is not None or route.query:
        found |= {Code.BAD_JSON, Code.BAD_DOCUMENT, Code.TOO_DEEP}
    if route.body is not None:
        found.add(Code.NOT_JSON)
    if route.writes:
        found |= {Code.IN_FLIGHT, Code.KEY_REUSED, Code.OUTCOME_UNKNOWN}
    if route.changes and (route.entity is None or route.entity in APPEND_ONLY):
        found.add(Code.APPEND_ONLY)
    if route.transactional:
        found |= {Code.NO_SUCH_TRANSACTION, Code.TRANSACTION_OVER}
    return frozenset(found)
