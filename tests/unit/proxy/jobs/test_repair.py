from comparators.verdict import Verdict
from proxy.jobs.repair import Outcome, outcome_of
from proxy.ledger.orders import Order, OrderKind, OrderState


def test_what_is_written_all_the_time_is_pending_and_does_not_differ() -> None:
    order = Order(
        id=1,
        kind=OrderKind.MEND,
        namespace="shop.users",
        payload={},
        who="ada",
        why="test",
        asked_ns=0,
        state=OrderState.DONE,
        outcome={
            "verdicts": {Verdict.MATCH: 3, Verdict.MISMATCH: 1, Verdict.NOT_COMPARABLE: 1},
            "busy": ["int#1"],
            "documents": {"int#1": "not_comparable", "int#2": "mismatch"},
        },
        done_ns=1,
    )

    assert outcome_of("shop.users", [order]) == Outcome(
        repaired=3,
        others={("shop.users", "int#2"): "mismatch"},
        pending=(("shop.users", "int#1"),),
    )
