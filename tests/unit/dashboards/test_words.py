from typing import Any

import pytest

from comparators.outcome import Answered
from comparators.verdict import Verdict
from dashboards.report import words
from proxy.ledger.read import ActionEvidence, OrderKind, OrderState


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (0, 0, words.NONE),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (999_999_999, 1_000_000_000, "> 99.99 %"),
        (1, 1_000_000_000, "< 0.01 %"),
        (9995, 10_000, "99.95 %"),
        (975, 1000, "97.5 %"),
        (1, 200, "0.50 %"),
    ],
)
def test_a_share_is_all_or_none_only_if_it_is(part: int, whole: int, written: str) -> None:
    assert words.share(part, whole) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, words.NONE),
        (0.0, "0 s"),
        (5e-8, "50.0 ns"),
        (0.0000595, "59.5 µs"),
        (0.00085, "850 µs"),
        (0.00123, "1.23 ms"),
        (8.24, "8.24 s"),
        (125.0, "125 s"),
        (1200.0, "20 min"),
    ],
)
def test_a_duration_has_three_digits_and_a_unit(seconds: float | None, written: str) -> None:
    assert words.duration(seconds) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, words.NONE), (0.9, "0.90"), (12.34, "12.3"), (123.4, "123")],
)
def test_a_ratio_is_a_multiple(value: float | None, written: str) -> None:
    assert words.ratio(value).rstrip(words.TIMES) == written


def test_every_verdict_has_a_name() -> None:
    assert set(words.VERDICT_NAMES) == set(Verdict)


def test_sizes_are_in_binary_units() -> None:
    assert [words.size(n) for n in (12, 2048, 5 * 2**40)] == ["12 B", "2.0 KiB", "5.0 TiB"]


@pytest.mark.parametrize(
    ("counts", "written"),
    [
        ({}, words.NONE),
        ({Answered.SCANNED: 3}, "scanned"),
        ({Answered.SCANNED: 1, Answered.PUSHED_DOWN: 3}, "pushed down 75.0 %, scanned 25.0 %"),
    ],
)
def test_ways_to_find_documents_are_named_the_best_first(
    counts: dict[Answered, int], written: str
) -> None:
    assert words.answers(counts) == written


@pytest.mark.parametrize(
    ("kind", "state", "outcome", "said"),
    [
        (OrderKind.COMPARE, OrderState.BEGUN, {}, "open"),
        (OrderKind.COMPARE, OrderState.DONE, {"verdicts": {}}, "nothing to do"),
        (
            OrderKind.MEND,
            OrderState.DONE,
            {"verdicts": {"match": 1200, "mismatch": 1}},
            "match 1,200, mismatch 1",
        ),
        (OrderKind.DECLARE, OrderState.DONE, {"rule": "clock"}, "in force: clock"),
        (OrderKind.WITHDRAW, OrderState.DONE, {"rule": "clock"}, "withdrawn: clock"),
        (OrderKind.DECLARE, OrderState.FAILED, {"reason": "no TOML"}, "failed: no TOML"),
    ],
)
def test_it_is_told_what_came_of_what_somebody_asked_for(
    kind: OrderKind, state: OrderState, outcome: dict[str, Any], said: str
) -> None:
    action = ActionEvidence(
        id=1,
        kind=kind,
        namespace="app.users",
        who="ada",
        why="test",
        asked_ns=1,
        done_ns=None if state is OrderState.BEGUN else 2,
        state=state,
        outcome=outcome,
    )

    assert words.came_of(action) == said
