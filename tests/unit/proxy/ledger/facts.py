"""Facts made up for gates."""

from math import inf

from comparators.verdict import Verdict
from proxy.ledger.bounds import Gates
from proxy.ledger.gates import CollectionFacts

CLEAN = CollectionFacts(
    namespace="app.users", verdicts={Verdict.MATCH: 100}, verified=100, seen=100
)

UNASKED = Gates(
    min_samples=1,
    min_duration_s=0,
    max_mismatch_rate=1,
    max_error_rate=1,
    max_timeout_rate=1,
    max_latency_ratio=inf,
    min_coverage=0,
    max_sweep_age_s=inf,
)
"""Bounds that ask for one verified operation, and for nothing against it."""
