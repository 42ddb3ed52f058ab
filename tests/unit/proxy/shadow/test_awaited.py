"""What a relay is told of a write that it waits for, whenever it asks."""

from collections.abc import Mapping
from typing import Any

import bson
import pytest

from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Outcome
from comparators.verdict import Judgement, Verdict
from proxy.serving.replies import reply_of
from proxy.shadow.awaited import Awaited
from proxy.shadow.exchange import Exchange
from proxy.wire.protocol.awaiting import Told

OUTCOME = Outcome(result=Acknowledgement(n=1, modified=1), duration_s=0.0)
REPLY = {"n": 1, "nModified": 1, "ok": 1.0}
MATCH = Judgement(verdict=Verdict.MATCH)


def exchange(start: int, kind: Kind = Kind.UPDATE) -> Exchange:
    operation = Operation(database="app", collection="users", kind=kind, arguments={})
    return Exchange(
        start=start,
        position=start + 1,
        connection=1,
        received_ns=1,
        legacy_s=0.0,
        overhead_s=0.0,
        namespace="app.users",
        legacy=None,
        clock=None,
        session=None,
        batch=None,
        operation=operation,
        writes=True,
        endless=False,
        retried=False,
    )


class Relay:
    """Remembers what it was told, with replies decoded."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Mapping[str, Any] | None]] = []

    def tell(self, told: Told) -> None:
        self.told.append((told.position, None if told.reply is None else bson.decode(told.reply)))


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def awaited(relay: Relay) -> Awaited:
    awaited = Awaited(reply_of)
    awaited.connected(relay.tell)
    return awaited


def finish(awaited: Awaited, start: int, judgement: Judgement = MATCH) -> None:
    awaited.judged(exchange(start), judgement, OUTCOME)
    awaited.done(start)


def test_who_asks_before_is_told_when_it_is_done(awaited: Awaited, relay: Relay) -> None:
    awaited.asks(5, is_open=True)
    assert relay.told == []
    assert awaited.is_asked(5)

    finish(awaited, 5)

    assert relay.told == [(5, REPLY)]
    assert not awaited.is_asked(5)


def test_who_asks_afterwards_is_told_at_once(awaited: Awaited, relay: Relay) -> None:
    finish(awaited, 5)
    finish(awaited, 7)
    assert relay.told == []

    awaited.asks(5, is_open=False)

    assert relay.told == [(5, REPLY)]


def test_of_what_was_done_long_ago_only_that_is_told(awaited: Awaited, relay: Relay) -> None:
    for start in range(1_000):
        finish(awaited, start)

    awaited.asks(5, is_open=False)

    assert relay.told == [(5, None)]


@pytest.mark.parametrize(
    "judgement",
    [
        Judgement(verdict=Verdict.MISMATCH),
        Judgement(verdict=Verdict.MATCH_BY_RULE, rules=("some",)),
        Judgement(verdict=Verdict.NOT_COMPARABLE, reason="written at the same time"),
        Judgement(verdict=Verdict.MATCH, reason="values made by the server were taken over"),
    ],
)
def test_only_what_matches_is_given_to_the_application(
    judgement: Judgement, awaited: Awaited, relay: Relay
) -> None:
    awaited.asks(5, is_open=True)

    finish(awaited, 5, judgement)

    assert relay.told == [(5, None)]


def test_a_write_without_an_outcome_is_told_as_done(awaited: Awaited, relay: Relay) -> None:
    awaited.asks(5, is_open=True)
    awaited.judged(exchange(5), Judgement(verdict=Verdict.UNSUPPORTED), None)
    awaited.done(5)

    assert relay.told == [(5, None)]


def test_a_definition_has_no_answer_of_its_own(awaited: Awaited, relay: Relay) -> None:
    awaited.asks(5, is_open=True)
    awaited.judged(exchange(5, Kind.CREATE_INDEXES), MATCH, OUTCOME)
    awaited.done(5)

    assert relay.told == [(5, None)]


def test_nothing_is_given_any_more_once_it_is_withheld(awaited: Awaited, relay: Relay) -> None:
    awaited.withhold()
    awaited.asks(5, is_open=True)
    finish(awaited, 5)

    assert relay.told == [(5, None)]


def test_another_relay_is_not_told_what_its_predecessor_asked(awaited: Awaited) -> None:
    awaited.asks(5, is_open=True)
    awaited.lost()
    successor = Relay()
    awaited.connected(successor.tell)

    finish(awaited, 5)

    assert successor.told == []
