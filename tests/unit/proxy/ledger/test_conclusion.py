from dataclasses import replace

import pytest

from comparators.verdict import Verdict
from proxy.ledger.conclusion import MAX_BEHIND_S, Facts, Result, conclude

CLEAN = Facts(
    verdicts={Verdict.MATCH: 100},
    verified=100,
    differing_states=0,
    uncompared_states=0,
    open_divergences=0,
    lost_writes=0,
    dropped_reads=0,
    skipped_records=0,
    capture_gaps=0,
    backlog=0,
    behind_s=0.0,
    collections_without_verification=(),
)


def test_verified_and_nothing_else_passes() -> None:
    assert conclude(CLEAN).result is Result.PASS
    assert conclude(CLEAN).reasons == ()


def test_nothing_verified_is_never_a_pass() -> None:
    nothing = conclude(replace(CLEAN, verdicts={}, verified=0))

    assert nothing.result is Result.INCONCLUSIVE
    assert nothing.reasons == ("no operation was verified",)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            replace(CLEAN, verdicts={Verdict.MATCH: 99, Verdict.MISMATCH: 1}),
            "1 operation gave another result on the gateway",
        ),
        (
            replace(CLEAN, verdicts={Verdict.MATCH: 99, Verdict.GATEWAY_ERROR: 2}),
            "2 operations failed on the gateway only",
        ),
        (replace(CLEAN, differing_states=1), "1 stored document differed after a write"),
        (replace(CLEAN, open_divergences=1), "1 document differs now"),
        (replace(CLEAN, open_divergences=2), "2 documents differ now"),
    ],
)
def test_any_proof_of_a_difference_fails(facts: Facts, reason: str) -> None:
    assert conclude(facts).result is Result.FAIL
    assert conclude(facts).reasons == (reason,)


@pytest.mark.parametrize(
    "facts",
    [
        replace(CLEAN, verdicts={Verdict.MATCH: 100, Verdict.UNSUPPORTED: 1}),
        replace(CLEAN, verdicts={Verdict.MATCH: 100, Verdict.TIMEOUT: 1}),
        replace(CLEAN, verdicts={Verdict.MATCH: 100, Verdict.DROPPED: 1}),
        replace(CLEAN, lost_writes=1),
        replace(CLEAN, dropped_reads=1),
        replace(CLEAN, uncompared_states=1),
        replace(CLEAN, skipped_records=1),
        replace(CLEAN, capture_gaps=1),
        replace(CLEAN, backlog=5, behind_s=MAX_BEHIND_S + 1),
        replace(CLEAN, collections_without_verification=["app.users"]),
    ],
)
def test_anything_left_unverified_forbids_a_pass(facts: Facts) -> None:
    assert conclude(facts).result is Result.INCONCLUSIVE
    assert len(conclude(facts).reasons) == 1


@pytest.mark.parametrize(
    "verdicts",
    [
        {Verdict.MATCH: 100, Verdict.TRANSIENT: 3},
        {Verdict.MATCH: 100, Verdict.MATCH_BY_RULE: 3},
        {Verdict.MATCH: 100, Verdict.NOT_COMPARABLE: 3},
    ],
)
def test_what_was_explained_does_not_stand_against_a_pass(verdicts: dict[Verdict, int]) -> None:
    assert conclude(replace(CLEAN, verdicts=verdicts)).result is Result.PASS


def test_a_short_backlog_is_normal() -> None:
    assert conclude(replace(CLEAN, backlog=5, behind_s=0.2)).result is Result.PASS


def test_a_failure_names_the_doubts_as_well() -> None:
    both = conclude(
        replace(CLEAN, verdicts={Verdict.MISMATCH: 3, Verdict.UNSUPPORTED: 4}, verified=3)
    )

    assert both.result is Result.FAIL
    assert both.reasons == (
        "3 operations gave another result on the gateway",
        "4 operations used what the gateway does not support",
    )
