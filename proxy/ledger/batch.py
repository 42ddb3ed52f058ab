"""A batch of findings added up in memory, so that writing a thousand takes a handful of statements."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from comparators.naming import general_path
from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.ledger.entries import Checkpoint, Drop, Finding
from proxy.ledger.redaction import Redaction
from proxy.ledger.sketches import Sketch
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE, group_key, shape_key

SAMPLES_PER_GROUP: Final = 3

COMPARED: Final = frozenset(
    {Verdict.MATCH, Verdict.MATCH_BY_RULE, Verdict.MISMATCH, Verdict.TRANSIENT}
)
"""The verdicts of operations that both sides answered and that were compared: these count as verified."""

GROUPED: Final = frozenset({Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TRANSIENT})
"""The verdicts whose evidence is kept by fingerprint."""

LEGACY: Final = "legacy"
GATEWAY: Final = "gateway"
ALONE: Final = "_alone"
"""Follows the name of a side where the other one was not timed."""

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Batch:
    """Sums over findings, by the keys of the tables they go to."""

    shapes: dict[int, Row] = field(default_factory=dict)
    counts: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    latencies: dict[tuple[int, int, str], Sketch] = field(default_factory=dict)
    groups: dict[int, Row] = field(default_factory=dict)
    group_counts: Counter[tuple[int, int]] = field(default_factory=Counter)
    samples: dict[int, list[Row]] = field(default_factory=dict)
    reasons: Counter[tuple[int, int, str, str]] = field(default_factory=Counter)
    rule_hits: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    answers: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    plans: dict[int, Row] = field(default_factory=dict)
    seen: int = 0
    verified: int = 0
    mismatched: int = 0

    def add(self, finding: Finding, redaction: Redaction) -> None:
        """Add one finding."""
        minute = finding.at_ns // NANOSECONDS_PER_MINUTE
        shape = self._shape(finding)
        judgement = finding.judgement
        verdict = judgement.verdict.value
        if finding.kind is not Kind.STATE:
            self.seen += 1
            self.verified += judgement.verdict in COMPARED
        self.mismatched += judgement.verdict is Verdict.MISMATCH
        self.counts[minute, shape, verdict] += 1
        self._time(finding, minute, shape)
        if judgement.reason is not None:
            self.reasons[minute, shape, verdict, judgement.reason] += 1
        if finding.answered is not None:
            self.answers[minute, shape, finding.answered.value] += 1
        if finding.plan is not None:
            self.plans[shape] = {
                "shape": shape,
                "at_ns": finding.at_ns,
                "gateway_s": finding.gateway_s,
                "plan": finding.plan,
            }
        for rule in judgement.rules:
            self.rule_hits[minute, rule, finding.namespace] += 1
        if judgement.verdict in GROUPED:
            self._group(finding, minute, shape, redaction)

    def _shape(self, finding: Finding) -> int:
        key = shape_key(finding.namespace, finding.shape.id)
        row = self.shapes.get(key)
        if row is None:
            self.shapes[key] = {
                "shape": key,
                "namespace": finding.namespace,
                "kind": finding.kind.value,
                "shape_id": finding.shape.id,
                "text": finding.shape.text,
                "first_ns": finding.at_ns,
                "last_ns": finding.at_ns,
            }
        else:
            _widen(row, finding.at_ns)
        return key

    def _time(self, finding: Finding, minute: int, shape: int) -> None:
        # Kept apart, so that the two sides are compared over the very same operations.
        is_pair = finding.legacy_s is not None and finding.gateway_s is not None
        for side, seconds in (
            (LEGACY if is_pair else LEGACY + ALONE, finding.legacy_s),
            (GATEWAY if is_pair else GATEWAY + ALONE, finding.gateway_s),
            ("overhead", finding.overhead_s),
            ("compare", finding.compare_s),
        ):
            if seconds is None:
                continue
            sketch = self.latencies.get((minute, shape, side))
            if sketch is None:
                sketch = self.latencies[minute, shape, side] = Sketch()
            sketch.add(seconds)

    def _group(self, finding: Finding, minute: int, shape: int, redaction: Redaction) -> None:
        judgement = finding.judgement
        fingerprint = judgement.fingerprint or judgement.reason or ""
        key = group_key(fingerprint, judgement.verdict.value, shape)
        row = self.groups.get(key)
        if row is None:
            first = judgement.differences[0] if judgement.differences else None
            self.groups[key] = {
                "group": key,
                "shape": shape,
                "fingerprint": fingerprint,
                "verdict": judgement.verdict.value,
                "path": general_path(first.path) if first else "",
                "change": first.kind.value if first else "",
                "reason": judgement.reason or "",
                "first_ns": finding.at_ns,
                "last_ns": finding.at_ns,
            }
        else:
            _widen(row, finding.at_ns)
        self.group_counts[minute, key] += 1
        kept = self.samples.setdefault(key, [])
        if len(kept) < SAMPLES_PER_GROUP:
            kept.append(
                {
                    "group": key,
                    "at_ns": finding.at_ns,
                    "log": finding.log,
                    "position": finding.position,
                    "sample": redaction.sample(
                        finding.namespace,
                        judgement.differences,
                        finding.documents,
                        writer=finding.writer,
                    ),
                }
            )


def _widen(row: Row, at_ns: int) -> None:
    row["first_ns"] = min(row["first_ns"], at_ns)
    row["last_ns"] = max(row["last_ns"], at_ns)


def identity(checkpoint: Checkpoint, findings: Iterable[Finding], drops: Iterable[Drop]) -> str:
    """Return a digest by which a batch that is sent again is recognised."""
    digest = blake2b(digest_size=16)
    digest.update(
        repr((checkpoint.log, checkpoint.position, checkpoint.at_ns, checkpoint.open)).encode()
    )
    for finding in findings:
        digest.update(b"%d %d;" % (finding.position, finding.at_ns))
    for drop in drops:
        digest.update(b"%d %d;" % (drop.at_ns, drop.n))
    return digest.hexdigest()
