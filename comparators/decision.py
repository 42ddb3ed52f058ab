"""Decide whether two outcomes are the same, as far as the operation fixes them, and no rule excuses it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Final, assert_never

from comparators.acknowledgement import (
    same_acknowledgement,
    same_document,
    same_failure,
    same_modified,
    same_number,
    unlike_results,
)
from comparators.change import Difference
from comparators.equivalence import Evidence, IsExpired, Undecidable, same_documents, same_values
from comparators.fingerprint import fingerprint_of
from comparators.listing import without_gossip
from comparators.naming import general_path
from comparators.operation import Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Done,
    Failure,
    Modified,
    Outcome,
    Values,
)
from comparators.rules import STATE, Rules
from comparators.shape import Shape, shape_of
from comparators.stage_ordering import ordering_of
from comparators.verdict import Judgement, Verdict

MAX_DIFFERENCES: Final = 20
MAX_OF_A_CLASS: Final = 4
MAX_LOOKED_AT: Final = 2000

_MATCH: Final = Judgement(verdict=Verdict.MATCH)


def decide(
    operation: Operation,
    legacy: Outcome,
    gateway: Outcome,
    rules: Rules,
    *,
    expired: IsExpired | None = None,
) -> Judgement:
    """Return whether the two paths answered the same, as far as the operation fixes the answer.

    `expired` says of a raw document whether a TTL index may remove it at any moment.
    """
    left, right = legacy.result, gateway.result
    if type(left) is Documents and type(right) is Documents and left.documents == right.documents:
        return _MATCH
    if gateway.collation is not None and not operation.arguments.get("collation"):
        arguments = {**operation.arguments, "collation": gateway.collation}
        operation = replace(operation, arguments=arguments)
    evidence = _evidence(operation, legacy, gateway, expired)
    findings = _Findings(operation.namespace, str(operation.kind), rules)
    return findings.judgement(evidence, lambda: shape_of(operation))


def decide_state(
    namespace: str, legacy: bytes | None, gateway: bytes | None, rules: Rules
) -> Judgement:
    """Return whether both sides store the same document; None stands for none."""
    if legacy == gateway:
        return _MATCH
    findings = _Findings(namespace, STATE, rules)
    return findings.judgement(same_document(legacy, gateway), lambda: _shape_of_state(namespace))


def _evidence(
    operation: Operation, legacy: Outcome, gateway: Outcome, expired: IsExpired | None
) -> Iterator[Evidence]:
    left, right = legacy.result, gateway.result
    match left:
        case Documents() if isinstance(right, Documents):
            yield from same_documents(
                without_gossip(operation.kind, left),
                without_gossip(operation.kind, right),
                ordering_of(operation),
                expired=expired,
            )
        case Values() if isinstance(right, Values):
            owed, given = (
                [each for each in side.values if each not in right.optional]
                for side in (left, right)
            )
            yield from same_values(owed, given)
        case Count() if isinstance(right, Count):
            yield from same_number("n", left.n, right.n)
        case Acknowledgement() if isinstance(right, Acknowledgement):
            yield from same_acknowledgement(left, right)
        case Modified() if isinstance(right, Modified):
            yield from same_modified(operation, legacy, gateway)
        case Failure() if isinstance(right, Failure):
            yield from same_failure(left, right)
        case Done() if isinstance(right, Done):
            return
        case Documents() | Values() | Count() | Acknowledgement() | Modified() | Done() | Failure():
            yield unlike_results(left, right)
        case _:
            assert_never(left)


class _Findings:
    """What is left of the evidence after the rules; bounded, but never so that a mismatch is lost."""

    def __init__(self, namespace: str, kind: str, rules: Rules) -> None:
        self._namespace = namespace
        self._kind = kind
        self._rules = rules
        self._reason: str | None = None
        self._hits: list[str] = []
        self._differences: list[Difference] = []
        self._classes: Counter[tuple[str, str, str, str]] = Counter()

    def judgement(self, evidence: Iterable[Evidence], shape: Callable[[], Shape]) -> Judgement:
        """Weigh the evidence; `shape` is asked for only if there is a mismatch."""
        for found in evidence:
            self._add(found)
            if len(self._differences) == MAX_DIFFERENCES or self._classes.total() == MAX_LOOKED_AT:
                break
        if self._differences:
            differences = tuple(sorted(self._differences, key=_weight))
            return Judgement(
                verdict=Verdict.MISMATCH,
                differences=differences,
                fingerprint=str(fingerprint_of(shape(), differences[0])),
                rules=tuple(self._hits),
            )
        if self._reason is not None:
            return Judgement(
                verdict=Verdict.NOT_COMPARABLE, reason=self._reason, rules=tuple(self._hits)
            )
        if self._hits:
            return Judgement(verdict=Verdict.MATCH_BY_RULE, rules=tuple(self._hits))
        return _MATCH

    def _add(self, found: Evidence) -> None:
        if isinstance(found, Undecidable):
            self._reason = self._reason or found.reason
            return
        rule = self._rules.excuse(self._namespace, self._kind, found)
        if rule is not None:
            self._hits.append(rule)
            return
        of_class = (found.path, found.kind, found.legacy_type, found.gateway_type)
        self._classes[of_class] += 1
        # A few of each class tell more than many of the first.
        if self._classes[of_class] <= MAX_OF_A_CLASS:
            self._differences.append(found)


def _weight(difference: Difference) -> tuple[str, str, str]:
    return difference.path, difference.kind, difference.exact


def _shape_of_state(namespace: str) -> Shape:
    text = f"{general_path(namespace.partition('.')[2])}.{STATE}"
    return Shape(id=blake2b(text.encode(), digest_size=6).hexdigest(), text=text)
