"""Who a server says it is: after the cut-over, the one that drivers have known so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson.objectid import ObjectId

ELECTION: Final = ObjectId("7fffffff0000000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The replica set and its last election: drivers leave a set of another name, and a primary that is older than one they know.

    An empty name stands for a server without a set. `gossips` tells whether replies carry the cluster's time: MongoDB refuses one that
    it did not sign, so that whoever may go back there is given none.
    """

    replica_set: str
    version: int = 1
    election: ObjectId = ELECTION
    gossips: bool = True


def identity_of(told: Mapping[str, Any]) -> Identity:
    """Return who a server is, by what was kept of its `hello`; see `kept_of`."""
    election = told.get("electionId")
    return Identity(
        replica_set=str(told.get("setName") or ""),
        version=int(told.get("setVersion") or 1),
        election=ObjectId(election) if election else ELECTION,
        gossips=False,
    )
