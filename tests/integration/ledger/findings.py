"""Findings to fill ledgers with."""

from typing import Any

from comparators.change import ChangeKind, Difference
from comparators.operation import Kind
from comparators.shape import Shape
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import Checkpoint, Finding, Lag

LOG = "log-1"
MINUTE_NS = 60_000_000_000
START_NS = 1_800_000_000_000_000_000
"""The beginning of a minute."""
NO_LAG = Lag(operations=0, seconds=0.0, bytes=0)

FIND_USERS = Shape(text="find users {filter:{email:?}}", id="find-users")
UPDATE_USERS = Shape(text="update users {q:{_id:?},u:{$set:{name:?}}}", id="update-users")


def finding(
    position: int = 0,
    *,
    verdict: Verdict = Verdict.MATCH,
    at_ns: int = START_NS,
    namespace: str = "app.users",
    shape: Shape = FIND_USERS,
    reason: str | None = None,
    rules: tuple[str, ...] = (),
    differences: tuple[Difference, ...] = (),
    fingerprint: str | None = None,
    documents: tuple[Any, ...] = (),
    legacy_s: float | None = 0.001,
    gateway_s: float | None = 0.002,
) -> Finding:
    """Return a finding; a plain match if nothing else is said."""
    return Finding(
        at_ns=at_ns,
        log=LOG,
        position=position,
        namespace=namespace,
        kind=Kind.FIND,
        shape=shape,
        judgement=Judgement(
            verdict=verdict,
            reason=reason,
            differences=differences,
            fingerprint=fingerprint,
            rules=rules,
        ),
        legacy_s=legacy_s,
        gateway_s=gateway_s,
        overhead_s=0.00005,
        compare_s=0.00001,
        documents=documents,
    )


def mismatch(position: int = 0, *, path: str = "name", **more: Any) -> Finding:
    """Return a confirmed mismatch in one field."""
    difference = Difference(
        kind=ChangeKind.VALUE,
        path=path,
        exact=path,
        legacy_type="string",
        gateway_type="string",
        legacy="Ada",
        gateway="Bob",
    )
    return finding(
        position,
        verdict=Verdict.MISMATCH,
        reason="values differ",
        differences=(difference,),
        fingerprint=f"fingerprint of {path}",
        **more,
    )


def checkpoint(position: int, *, at_ns: int = START_NS) -> Checkpoint:
    """Return a checkpoint in the one log of these tests."""
    return Checkpoint(log=LOG, position=position, at_ns=at_ns)
