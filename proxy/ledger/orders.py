"""Orders: what somebody asks the verifier to do beside its log, and what came of it.

Only the verifier knows the order of writes, so whoever puts or judges documents outside of it asks the verifier.
An order is done in the transaction that enters its findings: a verifier that is killed before has
done nothing, and the next one takes the order up again.

While an order is open its payload holds `_id`s as they are. It is emptied when the order is settled.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.canonical import decode, encode
from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.entries import VERIFIER


class OrderKind(StrEnum):
    """What the verifier can be asked to do."""

    MEND = "mend"
    """Make documents of the gateway equal to legacy's, then compare them."""
    COMPARE = "compare"
    """Compare documents, and enter those that differ."""
    DECLARE = "declare"
    """Take up the rules, to which somebody has added one."""
    WITHDRAW = "withdraw"
    """Take up the rules, from which somebody has taken one."""
    PREPARE = "prepare"
    """Make a collection that is to be filled, and count no difference in it from here on."""
    HOLD = "hold"
    """Let a collection stand still while its documents are read from legacy."""
    MERGE = "merge"
    """Put documents that were staged under a hold into their collection."""
    RELEASE = "release"
    """Let a collection go on that was held."""
    COMPLETE = "complete"
    """Make the indexes of a collection that was filled; from here on differences count."""


class OrderState(StrEnum):
    """How far an order is."""

    ASKED = "asked"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


TRACEPARENT: Final = "traceparent"
"""In a payload: the span of whoever asks."""

SILENT_AFTER_NS: Final = 20_000_000_000
"""A verifier that is silent for longer works on nothing any more."""

_SILENT_SINCE: Final = "silent_since"

OPEN: Final = (OrderState.ASKED.value, OrderState.BEGUN.value)
"""The states of an order that is still to be settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An order before it has a number. `who` asks for it, and `why`.

    `log` names whose verifier is to do it as long as that one works; empty for any.
    """

    kind: OrderKind
    namespace: str
    payload: Mapping[str, Any] = field(repr=False)
    who: str
    why: str
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as it stands. `outcome` holds counts and redacted names, no value."""

    id: int
    kind: OrderKind
    namespace: str
    payload: Mapping[str, Any] = field(repr=False)
    who: str
    why: str
    asked_ns: int
    state: OrderState
    outcome: Mapping[str, Any]
    done_ns: int | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.state.value not in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The end of an order."""

    order: int
    state: OrderState
    outcome: Mapping[str, Any]
    at_ns: int


class Orders:
    """The orders on one ledger, for who asks and for the verifier."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @property
    def where(self) -> str:
        """The ledger, without a password."""
        return self._access.where

    async def ask(self, requests: Sequence[Request]) -> list[int]:
        """Enter orders and return their numbers."""
        now_ns = time.time_ns()
        numbers = []
        async with self._access.writing() as connection:
            for request in requests:
                entered = await connection.execute(
                    tables.orders.insert()
                    .values(
                        kind=request.kind.value,
                        namespace=request.namespace,
                        payload=encode(dict(request.payload)),
                        who=request.who,
                        why=request.why,
                        asked_ns=now_ns,
                        state=OrderState.ASKED.value,
                        log=request.log,
                        outcome="{}",
                    )
                    .returning(tables.orders.c.id)
                )
                numbers.append(int(entered.scalar_one()))
        return numbers

    async def verifier_seen_ns(self) -> int:
        """Return when a verifier last wrote to the ledger; 0 if none ever did."""
        beats = tables.heartbeats
        wanted = select(func.max(beats.c.at_ns)).where(beats.c.part.startswith(VERIFIER))
        async with self._access.reading() as connection:
            return (await connection.execute(wanted)).scalar_one() or 0

    async def look(self, numbers: Iterable[int]) -> dict[int, Order]:
        """Return orders by their numbers."""
        wanted = select(tables.orders).where(tables.orders.c.id.in_(list(numbers)))
        async with self._access.reading() as connection:
            return {row.id: _order(row) for row in await connection.execute(wanted)}

    async def unsettled(self, kinds: Iterable[OrderKind], *, of_each: int, log: str) -> list[Order]:
        """Return the oldest orders that the verifier of a log may take up, so many of each kind."""
        wanted = _unsettled(frozenset(kinds), of_each, log)
        async with self._access.reading() as connection:
            found = await connection.execute(wanted, {_SILENT_SINCE: _silent_since()})
            return [_order(row) for row in found]

    async def begin(self, number: int, log: str) -> bool:
        """Mark an order as taken up by the verifier of a log; False if that of another log was first."""
        stored = tables.orders
        begun = stored.update().where(
            stored.c.id == number, stored.c.state.in_(OPEN), _is_free_for(log)
        )
        taken = begun.values(state=OrderState.BEGUN.value, log=log)
        async with self._access.writing() as connection:
            done = await connection.execute(taken, {_SILENT_SINCE: _silent_since()})
            return done.rowcount == 1


@lru_cache(maxsize=16)
def _unsettled(kinds: frozenset[OrderKind], of_each: int, log: str) -> Select[Any]:
    """Return the statement; a verifier asks it several times a second, and it takes longer to put together than to answer."""
    stored = tables.orders
    place = func.row_number().over(partition_by=stored.c.kind, order_by=stored.c.id)
    waiting = (
        select(stored, place.label("place"))
        .where(
            stored.c.state.in_(OPEN),
            stored.c.kind.in_(sorted(kind.value for kind in kinds)),
            _is_free_for(log),
        )
        .subquery()
    )
    return select(waiting).where(waiting.c.place <= of_each).order_by(waiting.c.id)


def _silent_since() -> int:
    return time.time_ns() - SILENT_AFTER_NS


def _is_free_for(log: str) -> ColumnElement[bool]:
    """Return whether no verifier of another log works on an order: one that is silent does not.

    Asked with `_SILENT_SINCE`.
    """
    stored, beats = tables.orders, tables.heartbeats
    alive = exists().where(
        beats.c.part == literal(f"{VERIFIER} ") + func.substr(stored.c.log, 1, 8),
        beats.c.at_ns > bindparam(_SILENT_SINCE, type_=beats.c.at_ns.type),
    )
    return or_(stored.c.log == log, ~alive)


async def settle(connection: AsyncConnection, settlements: Sequence[Settlement]) -> None:
    """Enter the end of orders within a transaction, and forget their payloads."""
    stored = tables.orders
    for settlement in settlements:
        await connection.execute(
            stored.update()
            .where(stored.c.id == settlement.order)
            .values(
                state=settlement.state.value,
                outcome=json.dumps(settlement.outcome),
                done_ns=settlement.at_ns,
                payload=b"",
            )
        )


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        kind=OrderKind(row.kind),
        namespace=row.namespace,
        payload=decode(row.payload) if row.payload else {},
        who=row.who,
        why=row.why,
        asked_ns=row.asked_ns,
        state=OrderState(row.state),
        outcome=json.loads(row.outcome),
        done_ns=row.done_ns,
    )
