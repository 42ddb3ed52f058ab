"""What the comparison of two outcomes can end in."""

from dataclasses import dataclass
from enum import StrEnum

from comparators.change import Difference


class Verdict(StrEnum):
    """The classes of a verdict; the words are the same in metrics, ledger, pages and docs."""

    MATCH = "match"
    MATCH_BY_RULE = "match_by_rule"
    MISMATCH = "mismatch"
    TRANSIENT = "transient"
    GATEWAY_ERROR = "gateway_error"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its evidence.

    `reason` is a fixed phrase without values (None for a plain match); `rules` names the rules that
    excused a difference, once per excused difference.
    """

    verdict: Verdict
    reason: str | None = None
    differences: tuple[Difference, ...] = ()
    fingerprint: str | None = None
    rules: tuple[str, ...] = ()
