"""How figures are written. A share is never rounded up to all, nor down to none."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from comparators.outcome import Answered
from comparators.rules import Rule
from comparators.search import Aspect
from comparators.verdict import Verdict
from proxy.ledger.read import (
    ActionEvidence,
    FlagChange,
    Gate,
    OrderKind,
    OrderState,
    Result,
    SearchDifference,
)

NONE: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"

VERDICT_NAMES: Final = {
    Verdict.MATCH: "match",
    Verdict.MATCH_BY_RULE: "match by rule",
    Verdict.TRANSIENT: "transient",
    Verdict.NOT_COMPARABLE: "not comparable",
    Verdict.UNSUPPORTED: "unsupported",
    Verdict.TIMEOUT: "timeout",
    Verdict.DROPPED: "dropped",
    Verdict.GATEWAY_ERROR: "gateway error",
    Verdict.MISMATCH: "mismatch",
}
"""In the order in which bars show them: what is well on the left, what is not on the right."""

FACTS: Final = {
    "parallax": "Parallax",
    "mongodb": "MongoDB",
    "postgresql": "PostgreSQL",
    "settings_digest": "settings",
}
"""What a ledger tells of the run itself, by the names that people know it by."""

LIGHTS: Final = {
    Result.PASS: "\N{CHECK MARK}",
    Result.FAIL: "\N{MULTIPLICATION X}",
    Result.INCONCLUSIVE: "?",
}
"""The sign before each result: a traffic light that needs no colour."""

_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def fact_name(name: str) -> str:
    """Return what people call a fact of a ledger."""
    return FACTS.get(name, name.replace("_", " "))


def count(n: int) -> str:
    """Return a whole number with separators."""
    return f"{n:,}"


def plural(n: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """Return a duration with three significant digits and its unit."""
    if seconds is None:
        return NONE
    if seconds >= 600:
        return f"{seconds / 60:,.0f} min"
    if seconds <= 0:
        return "0 s"
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    value = seconds / size
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def share(part: float, whole: float) -> str:
    """Return a percentage that says 100 % only for all and 0 % only for none."""
    if not whole:
        return NONE
    if part == whole:
        return "100 %"
    if not part:
        return "0 %"
    percent = 100 * part / whole
    if percent > 99.99:
        return "> 99.99 %"
    if percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.2f} %" if percent >= 99.9 or percent < 1 else f"{percent:.1f} %"


def ratio(value: float | None) -> str:
    """Return a multiple."""
    if value is None:
        return NONE
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}{TIMES}"


def moment(at_ns: int | None) -> str:
    """Return a moment in UTC, to the second."""
    if at_ns is None:
        return NONE
    return f"{datetime.fromtimestamp(at_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}"


def clock(at_ns: int) -> str:
    """Return the time of day in UTC."""
    return f"{datetime.fromtimestamp(at_ns / 1e9, UTC):%H:%M:%S}"


def size(n_bytes: int) -> str:
    """Return a number of bytes in binary units."""
    value = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def verdict_name(verdict: Verdict) -> str:
    """Return a verdict in words."""
    return VERDICT_NAMES[verdict]


def answers(counts: Mapping[Answered, int]) -> str:
    """Return how documents were found: the only way, or each way with its share."""
    if len(counts) == 1:
        return next(iter(counts)).value
    whole = sum(counts.values())
    ways = [f"{way.value} {share(counts[way], whole)}" for way in Answered if way in counts]
    return ", ".join(ways) or NONE


def light(result: Result) -> str:
    """Return a result as a sign and a word."""
    return f"{LIGHTS[result]} {result.value}"


def gate_name(gate: Gate) -> str:
    """Return a gate in words."""
    return gate.value.replace("_", " ")


_ASKED: Final = {
    OrderKind.COMPARE: "recheck",
    OrderKind.MEND: "repair",
    OrderKind.DECLARE: "rule",
    OrderKind.WITHDRAW: "withdrawal",
}


def asked(kind: OrderKind) -> str:
    """Return in a word what somebody asked for."""
    return _ASKED.get(kind, kind.value)


_CHANGED: Final = {OrderKind.DECLARE: "declared", OrderKind.WITHDRAW: "withdrawn"}


def rule_changed(change: ActionEvidence) -> str:
    """Return in a word what became of a rule."""
    return _CHANGED[change.kind]


def came_of(action: ActionEvidence) -> str:
    """Return what came of it: counts by verdict, the rule, or why it failed."""
    if action.done_ns is None:
        return "open"
    outcome = action.outcome
    if action.state is OrderState.FAILED:
        return f"failed: {outcome.get('reason', '')}"
    if action.kind is OrderKind.DECLARE:
        return f"in force: {outcome.get('rule', '')}"
    if action.kind is OrderKind.WITHDRAW:
        return f"withdrawn: {outcome.get('rule', '')}"
    counts = outcome.get("verdicts", {})
    said = [f"{VERDICT_NAMES[Verdict(verdict)]} {count(n)}" for verdict, n in counts.items()]
    return ", ".join(said) or "nothing to do"


def rule_says(rule: Rule) -> str:
    """Return what a rule does, where, and of what."""
    bounds = {"absolute": rule.tolerance.absolute, "relative": rule.tolerance.relative}
    said = [
        f"{rule.effect} {'.'.join(rule.path) or '(whole result)'}",
        *(f"{side} {bound:g}" for side, bound in bounds.items() if bound),
        *([f"only {', '.join(sorted(rule.changes))}"] if rule.changes else []),
        *([f"in {', '.join(sorted(rule.kinds))}"] if rule.kinds else []),
    ]
    return "; ".join(said)


def alone(difference: SearchDifference) -> str:
    """Return what one path alone finds by a search, or how far the rankings are apart."""
    if difference.aspect is Aspect.RANK:
        return f"{share(difference.swapped, 1)} of the pairs stand the other way round"
    sides = (
        ("engine", difference.engine_alone, difference.engine_alone_in_all),
        ("database", difference.database_alone, difference.database_alone_in_all),
    )
    return "; ".join(
        f"only the {side}: {', '.join(names)}{_and_more(n - len(names))}"
        for side, names, n in sides
        if n
    )


def _and_more(n: int) -> str:
    return f" and {count(n)} more" if n else ""


def gates_then(change: FlagChange) -> str:
    """Return how the gates stood when a flag was changed: those that did not pass."""
    if not change.gates:
        return "no evidence"
    stood = [
        f"{then.gate.replace('_', ' ')} {light(then.result)}"
        for then in change.gates
        if then.result is not Result.PASS
    ]
    return ", ".join(stood) or "all passed"
