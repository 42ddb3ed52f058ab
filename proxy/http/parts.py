"""What the handlers work with."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.database import Database
from proxy.http.entity import Entity
from proxy.http.searching import Search
from proxy.http.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The entities by name, and what is shared by all of them."""

    entities: Mapping[str, Entity]
    database: Database
    transactions: Transactions
    search: Search
    transaction_s: float
    """How long a transaction of a client may last."""

    @property
    def collections(self) -> frozenset[str]:
        """The collections that a pipeline may read."""
        return frozenset(each.collection for each in self.entities.values())
