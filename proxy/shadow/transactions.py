"""Transactions: their statements wait here and take effect, together, at the commit."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from proxy.request import Session
from proxy.shadow.units import Single

_REMEMBERED: Final = 4096
LIFETIME_NS: Final = 120 * 1_000_000_000
"""Twice MongoDB's default `transactionLifetimeLimitSeconds`."""

Identity = tuple[bytes, int]


@dataclass(slots=True, eq=False)
class OpenTransaction:
    """The statements of a transaction so far."""

    began_ns: int
    statements: list[Single] = field(default_factory=list)


class Transactions:
    """The transactions under way, and which were settled lately."""

    def __init__(self) -> None:
        self._open: dict[Identity, OpenTransaction] = {}
        self._settled: OrderedDict[Identity, list[Single] | None] = OrderedDict()
        """With the statements, where nobody knows how it ended."""

    def add(self, identity: Identity, statement: Single) -> list[Single]:
        """Keep a statement; return those of an older transaction of the session, now given up."""
        given_up = [
            older
            for key, number in list(self._open)
            if key == identity[0] and number < identity[1]
            for older in self.settle((key, number))
        ]
        began_ns = statement.exchange.received_ns
        transaction = self._open.setdefault(identity, OpenTransaction(began_ns))
        transaction.statements.append(statement)
        return given_up

    def settle(self, identity: Identity) -> list[Single]:
        """Return the statements of a transaction that has ended; empty when it ended before."""
        transaction = self._open.pop(identity, None)
        self._settled[identity] = None
        if len(self._settled) > _REMEMBERED:
            self._settled.popitem(last=False)
        return transaction.statements if transaction else []

    def doubt(self, identity: Identity) -> list[Single]:
        """Settle a transaction of which nobody knows how it ended: its commit may come again, and take effect then."""
        statements = self.settle(identity)
        self._settled[identity] = statements
        return statements

    def doubtful(self, identity: Identity, *, is_known: bool) -> list[Single]:
        """Return the statements of a transaction of which nobody knew how it ended; `is_known`: now somebody does."""
        statements = self._settled.get(identity) or []
        if is_known and identity in self._settled:
            self._settled[identity] = None
        return statements

    def is_settled(self, identity: Identity) -> bool:
        """Return whether a commit or abort of this transaction was seen before."""
        return identity in self._settled

    def namespaces(self, identity: Identity) -> frozenset[str]:
        """Return the collections that the transaction has written to so far."""
        transaction = self._open.get(identity)
        statements = transaction.statements if transaction else self._settled.get(identity) or ()
        return frozenset(s.exchange.namespace for s in statements if s.exchange.writes)

    def expire(self, now_ns: int) -> list[Single]:
        """Return the statements of transactions that MongoDB must have aborted by now."""
        return self._settle_all(
            [i for i, t in self._open.items() if now_ns - t.began_ns > LIFETIME_NS]
        )

    def end(self) -> list[Single]:
        """Return the statements of all transactions, of which nothing more will be heard."""
        return self._settle_all(list(self._open))

    def _settle_all(self, identities: list[Identity]) -> list[Single]:
        return [statement for identity in identities for statement in self.settle(identity)]


def identity_of(session: Session | None) -> Identity | None:
    """Return what names a transaction or a retryable write across its attempts."""
    if session is None or session.number is None:
        return None
    return (session.key, session.number)
