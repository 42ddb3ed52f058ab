from dataclasses import replace

import pytest

from comparators.verdict import Verdict
from proxy.ledger.bounds import Bounds
from proxy.ledger.conclusion import (
    COUNTED,
    MAX_BEHIND_S,
    MEASURED,
    Conclusion,
    GateReport,
    LedgerFacts,
    conclude,
    ledger_gates,
)
from proxy.ledger.gates import CollectionFacts, Gate, Result, gates_of
from tests.unit.proxy.ledger.facts import CLEAN, UNASKED


def concluded(*facts: CollectionFacts, ledger: LedgerFacts | None = None) -> Conclusion:
    report = GateReport(
        collections=tuple(gates_of(one, UNASKED) for one in facts),
        ledger=ledger_gates(ledger or LedgerFacts()),
    )
    return conclude(report, verified=sum(one.verified for one in facts))


def with_verdicts(verdicts: dict[Verdict, int]) -> CollectionFacts:
    return replace(CLEAN, verdicts={Verdict.MATCH: 100, **verdicts})


def test_verified_and_nothing_else_passes() -> None:
    assert concluded(CLEAN) == Conclusion(result=Result.PASS)


def test_nothing_seen_is_never_a_pass() -> None:
    assert concluded() == Conclusion(
        result=Result.INCONCLUSIVE, reasons=("no operation was verified",)
    )


def test_nothing_verified_is_never_a_pass() -> None:
    nothing = concluded(replace(CLEAN, verdicts={}, verified=0, seen=0))

    assert nothing.result is Result.INCONCLUSIVE
    assert nothing.reasons[0] == "no operation was verified"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            with_verdicts({Verdict.MISMATCH: 1}),
            "1 operation gave another result on the gateway",
        ),
        (with_verdicts({Verdict.GATEWAY_ERROR: 2}), "2 operations failed on the gateway only"),
        (replace(CLEAN, differing_states=1), "1 stored document differed after a write"),
        (replace(CLEAN, open_divergences=1), "1 document differs now"),
        (replace(CLEAN, open_divergences=2), "2 documents differ now"),
    ],
)
def test_any_proof_of_a_difference_fails(facts: CollectionFacts, reason: str) -> None:
    assert concluded(facts) == Conclusion(result=Result.FAIL, reasons=(reason,))


@pytest.mark.parametrize(
    "facts",
    [
        with_verdicts({Verdict.UNSUPPORTED: 1}),
        with_verdicts({Verdict.TIMEOUT: 1}),
        with_verdicts({Verdict.DROPPED: 1}),
        replace(CLEAN, lost_writes=1),
        replace(CLEAN, dropped_reads=1),
        replace(CLEAN, uncompared_states=1),
    ],
)
def test_anything_left_unverified_forbids_a_pass(facts: CollectionFacts) -> None:
    found = concluded(facts)

    assert found.result is Result.INCONCLUSIVE
    assert len(found.reasons) == 1


@pytest.mark.parametrize(
    ("ledger", "reason"),
    [
        (LedgerFacts(skipped_records=1), "1 record of the capture log could not be read"),
        (LedgerFacts(capture_gaps=2), "the capture log has 2 gaps"),
        (
            LedgerFacts(backlog=5, behind_s=MAX_BEHIND_S + 1),
            "the verifier is 61 s behind, with 5 operations to go",
        ),
    ],
)
def test_a_ledger_that_is_not_whole_forbids_a_pass(ledger: LedgerFacts, reason: str) -> None:
    assert concluded(CLEAN, ledger=ledger) == Conclusion(
        result=Result.INCONCLUSIVE, reasons=(reason,)
    )


def test_a_collection_without_verification_forbids_a_pass_and_is_named() -> None:
    found = concluded(CLEAN, replace(CLEAN, namespace="app.rare", verdicts={}, verified=0))

    assert found.result is Result.INCONCLUSIVE
    assert "too few operations were verified in app.rare" in found.reasons


@pytest.mark.parametrize(
    "verdict", [Verdict.TRANSIENT, Verdict.MATCH_BY_RULE, Verdict.NOT_COMPARABLE]
)
def test_what_was_explained_does_not_stand_against_a_pass(verdict: Verdict) -> None:
    assert concluded(with_verdicts({verdict: 3})).result is Result.PASS


def test_a_short_backlog_is_normal() -> None:
    found = concluded(CLEAN, ledger=LedgerFacts(backlog=5, behind_s=0.2))

    assert found.result is Result.PASS


def test_a_failure_names_the_doubts_as_well_and_adds_collections_up() -> None:
    other = with_verdicts({Verdict.MISMATCH: 2})
    both = concluded(with_verdicts({Verdict.MISMATCH: 1, Verdict.UNSUPPORTED: 4}), other)

    assert both == Conclusion(
        result=Result.FAIL,
        reasons=(
            "3 operations gave another result on the gateway",
            "4 operations used what the gateway does not support",
        ),
    )


def test_every_gate_that_can_stand_against_a_pass_has_words() -> None:
    """With nothing at all, every gate that is not counted is inconclusive."""
    nothing = gates_of(CollectionFacts(namespace="a.b", verdicts={}, verified=0, seen=0), Bounds())
    unsure = {one.gate for one in nothing.outcomes if one.result is not Result.PASS}
    counted = {name for one in nothing.outcomes for name in one.counts}

    assert {gate for gate in unsure if Result.INCONCLUSIVE not in MEASURED.get(gate, {})} == set()
    assert counted <= COUNTED.keys()
    assert {Gate.SAMPLES, Gate.DURATION, Gate.COVERAGE, Gate.SWEPT, Gate.LATENCY_P99} <= unsure
