"""Listings of indexes and collections, without what they say of the server rather than of the data."""

from collections.abc import Mapping
from typing import Final

from comparators.canonical import decode, encode
from comparators.operation import Kind
from comparators.outcome import Documents

GOSSIP: Final[Mapping[Kind, frozenset[str]]] = {
    # How an index is stored, in which version, and where.
    Kind.LIST_INDEXES: frozenset({"v", "ns", "background"}),
    # The identity that a server gives to a collection, and its index on `_id`, which every collection has.
    Kind.LIST_COLLECTIONS: frozenset({"info", "idIndex"}),
}


def without_gossip(kind: Kind, listed: Documents) -> Documents:
    """Return the answer of a command with only those fields that both paths can know."""
    gossip = GOSSIP.get(kind)
    if gossip is None:
        return listed
    kept = [
        {name: value for name, value in decode(document).items() if name not in gossip}
        for document in listed.documents
    ]
    return Documents(documents=tuple(map(encode, kept)), complete=listed.complete)
