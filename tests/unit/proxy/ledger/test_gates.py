"""Gates: what passes, what fails, what is missing, and that no evidence against a collection helps it."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from comparators.verdict import Verdict
from proxy.ledger.bounds import Bounds, Gates
from proxy.ledger.gates import (
    QUANTILES,
    CollectionFacts,
    CollectionGates,
    Gate,
    GateOutcome,
    Result,
    gates_of,
)
from tests.unit.proxy.ledger.facts import CLEAN, UNASKED
from tests.unit.proxy.ledger.test_statistics import traffic

DAY_S = 86_400
ENOUGH = replace(
    CLEAN,
    verdicts={Verdict.MATCH: 12_000},
    verified=12_000,
    seen=12_000,
    span_s=DAY_S,
    swept_s=60.0,
    stretches=traffic(20, 600, factor=0.5),
)
ORDER = [Result.PASS, Result.INCONCLUSIVE, Result.FAIL]


def outcome(facts: CollectionFacts, gate: Gate, bounds: Bounds | None = None) -> GateOutcome:
    [found] = [one for one in gates_of(facts, bounds or Bounds()).outcomes if one.gate is gate]
    return found


def only(gates: CollectionGates) -> dict[Gate, Result]:
    """Return the gates that do not pass."""
    return {one.gate: one.result for one in gates.outcomes if one.result is not Result.PASS}


def test_enough_evidence_passes_every_default() -> None:
    gates = gates_of(ENOUGH, Bounds())

    assert gates.result is Result.PASS
    assert only(gates) == {}
    assert {one.gate for one in gates.outcomes} == set(Gate) - {Gate.CAPTURE_LOG, Gate.VERIFIER}
    assert all(one.missing == "" for one in gates.outcomes)


@pytest.mark.parametrize(
    ("change", "gate", "result", "missing"),
    [
        ({"verified": 2_000}, Gate.SAMPLES, Result.INCONCLUSIVE, "1,000 operations more"),
        ({"verified": 2_000}, Gate.MISMATCHES, Result.INCONCLUSIVE, "995 operations more"),
        ({"span_s": 3_600.0}, Gate.DURATION, Result.INCONCLUSIVE, "23 h more"),
        ({"seen": 24_000}, Gate.COVERAGE, Result.INCONCLUSIVE, "45 % more of what is seen"),
        ({"swept_s": None}, Gate.SWEPT, Result.INCONCLUSIVE, "`parallax sweep`"),
        ({"swept_s": 8.0 * DAY_S}, Gate.SWEPT, Result.INCONCLUSIVE, "`parallax sweep`"),
        ({"swept_uncompared": 2}, Gate.SWEPT, Result.INCONCLUSIVE, "2 documents"),
        ({"open_divergences": 1}, Gate.DIVERGENCE, Result.FAIL, ""),
        ({"differing_states": 1}, Gate.MISMATCHES, Result.FAIL, ""),
        ({"lost_writes": 1}, Gate.LOSSES, Result.INCONCLUSIVE, "nothing was lost"),
        ({"stretches": ()}, Gate.LATENCY_P50, Result.INCONCLUSIVE, "both sides answered"),
    ],
)
def test_what_is_missing_is_told(
    change: dict[str, object], gate: Gate, result: Result, missing: str
) -> None:
    found = outcome(replace(ENOUGH, **change), gate)  # type: ignore[arg-type]

    assert found.result is result
    assert missing in found.missing
    assert bool(found.missing) is (result is Result.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("factor", "result"), [(0.5, Result.PASS), (1.05, Result.INCONCLUSIVE), (3.0, Result.FAIL)]
)
def test_latency_is_judged_by_its_interval(factor: float, result: Result) -> None:
    facts = replace(ENOUGH, stretches=traffic(20, 600, factor=factor))

    for gate in QUANTILES:
        found = outcome(facts, gate)

        assert found.result is result, gate
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high


def test_too_little_time_for_an_interval_says_how_much_more() -> None:
    few = outcome(replace(ENOUGH, stretches=traffic(20, 50, factor=0.5)), Gate.LATENCY_P99)
    brief = outcome(replace(ENOUGH, stretches=traffic(4, 2_000, factor=0.5)), Gate.LATENCY_P99)

    assert few.missing == "4,000 operations more, over 10 minutes or more"
    assert brief.missing == "such traffic in 6 more stretches of time"
    assert (brief.low, brief.high) == (None, None)


def test_strict_forbids_what_a_rate_would_allow() -> None:
    verdicts = {Verdict.MATCH: 10**6, Verdict.MISMATCH: 5, Verdict.TIMEOUT: 5}
    facts = replace(ENOUGH, verdicts=verdicts, verified=10**6, seen=10**6, dropped_reads=3)

    assert only(gates_of(facts, Bounds())) == {
        Gate.MISMATCHES: Result.FAIL,
        Gate.TIMEOUTS: Result.INCONCLUSIVE,
        Gate.LOSSES: Result.INCONCLUSIVE,
    }
    assert only(gates_of(facts, Bounds(strict=False))) == {}


def test_a_rate_that_is_proved_to_be_too_high_fails() -> None:
    facts = replace(ENOUGH, verdicts={Verdict.MATCH: 12_000, Verdict.TIMEOUT: 40})

    assert outcome(facts, Gate.TIMEOUTS, Bounds(strict=False)).result is Result.FAIL
    assert outcome(facts, Gate.TIMEOUTS).result is Result.FAIL


@pytest.mark.parametrize("bounds", [Bounds(), UNASKED, Bounds(strict=False)])
def test_nothing_verified_is_never_a_pass(bounds: Bounds) -> None:
    nothing = CollectionFacts(namespace="a.b", verdicts={}, verified=0, seen=0)

    assert gates_of(nothing, bounds).result is Result.INCONCLUSIVE


def test_gates_that_are_switched_off_are_named() -> None:
    gates = gates_of(CLEAN, UNASKED)

    assert gates.result is Result.PASS
    assert set(gates.not_asked) == {*QUANTILES, Gate.SWEPT}
    assert not set(gates.not_asked) & {one.gate for one in gates.outcomes}


FIGURES = st.builds(
    CollectionFacts,
    namespace=st.just("a.b"),
    verdicts=st.fixed_dictionaries(
        {},
        optional={
            verdict: st.integers(0, 50)
            for verdict in (Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TIMEOUT)
        },
    ),
    verified=st.integers(0, 10_000),
    seen=st.just(10_000),
    differing_states=st.integers(0, 3),
    span_s=st.just(float(DAY_S)),
    swept_s=st.just(1.0),
)
BOUNDS = st.builds(
    Bounds,
    strict=st.booleans(),
    max_mismatch_rate=st.floats(1e-4, 1),
    max_error_rate=st.floats(1e-4, 1),
    max_timeout_rate=st.floats(1e-4, 1),
    max_latency_ratio=st.just(inf),
    min_coverage=st.just(0.0),
)


@settings(max_examples=60)
@given(FIGURES, BOUNDS, st.sampled_from(list(Verdict)), st.integers(1, 100))
def test_more_evidence_against_it_never_helps_a_collection(
    facts: CollectionFacts, bounds: Bounds, verdict: Verdict, more: int
) -> None:
    if verdict not in {
        Verdict.MISMATCH,
        Verdict.GATEWAY_ERROR,
        Verdict.TIMEOUT,
        Verdict.UNSUPPORTED,
        Verdict.DROPPED,
    }:
        verdict = Verdict.MISMATCH
    worse = {**facts.verdicts, verdict: facts.verdicts.get(verdict, 0) + more}

    before = gates_of(facts, bounds).result
    after = gates_of(replace(facts, verdicts=worse), bounds).result

    assert ORDER.index(after) >= ORDER.index(before)


@settings(max_examples=60)
@given(FIGURES, BOUNDS, st.integers(1, 100))
def test_more_differing_documents_never_help_a_collection(
    facts: CollectionFacts, bounds: Bounds, more: int
) -> None:
    before = gates_of(facts, bounds).result
    worse = replace(facts, differing_states=facts.differing_states + more)

    assert ORDER.index(gates_of(worse, bounds).result) >= ORDER.index(before)
    worse = replace(facts, open_divergences=facts.open_divergences + more)
    assert gates_of(worse, bounds).result is Result.FAIL


def test_a_collection_takes_from_all_what_it_does_not_say() -> None:
    gates = Gates.model_validate(
        {"min_samples": 10, "collections": {"app.rare": {"min_duration_s": 60}}}
    )

    assert gates.of("app.rare") == Bounds(min_samples=10, min_duration_s=60)
    assert gates.of("app.users").min_duration_s == DAY_S
    assert gates.of("app.users").min_samples == 10


def test_a_replay_is_not_asked_for_a_sweep() -> None:
    gates = Gates.model_validate({"collections": {"app.rare": {"min_samples": 1}}})

    unswept = gates.without_sweeps()

    assert unswept.max_sweep_age_s == unswept.of("app.rare").max_sweep_age_s == inf
    assert unswept.of("app.rare").min_samples == 1
    assert gates.max_sweep_age_s < inf


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_mismatch_rate": 0},
        {"min_samples": 0},
        {"min_coverage": 1.1},
        {"collections": {"app.rare": {"unknown": 1}}},
        {"collections": {"app.rare": 1}},
        {"collections": {"app.rare": {"collections": {}}}},
    ],
)
def test_bounds_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Gates.model_validate(wrong)
