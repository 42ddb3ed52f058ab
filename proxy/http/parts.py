"""What the handlers work with."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.database import Database
from adapters.repositories.stored_files import StoredFiles
from proxy.http.entity import Entity
from proxy.http.searching import EntitySearch, Searching
from proxy.http.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The entities by name, and what is shared by all of them."""

    entities: Mapping[str, Entity]
    database: Database
    transactions: Transactions
    search: EntitySearch
    searching: Searching
    transaction_s: float
    """How long a transaction of a client may last."""
    stored_files: StoredFiles
    file_bytes: int
    """How long a file of a client may be."""
    request_s: float
    """How long a client may be silent within a request."""

    @property
    def hidden_of(self) -> Mapping[str, frozenset[str]]:
        """What each collection hides that a pipeline may read, of whichever of its entities."""
        found: dict[str, frozenset[str]] = {}
        for each in self.entities.values():
            found[each.collection] = found.get(each.collection, frozenset()) | each.hidden
        return found
