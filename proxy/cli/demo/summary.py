"""What came out of a demonstration, on one screen."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from comparators.verdict import Verdict
from proxy.cli.demo.recall import Recall
from proxy.cli.demo.view import latency_table
from proxy.ledger.evidence import Evidence

_SHOWN_REASONS = 5


def print_summary(
    console: Console,
    evidence: Evidence,
    *,
    operations: int,
    mapped: int,
    drained_s: float | None,
) -> None:
    """Print the figures of a run; `drained_s` is None when the verifier did not catch up."""
    table = Table(title="What was proved", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in _rows(evidence, operations, mapped, drained_s):
        table.add_row(name, value)
    console.print(table)
    console.print(latency_table(evidence.latency))


def _rows(
    evidence: Evidence, operations: int, mapped: int, drained_s: float | None
) -> Iterator[tuple[str, str]]:
    tally = evidence.tally
    yield "commands the application sent", f"{operations:,}"
    yield "operations captured", f"{tally.seen:,}"
    share = f" ({tally.coverage:.1%})" if tally.coverage is not None else ""
    yield "verified", f"{tally.verified:,}{share}"
    yield "stored documents compared", f"{tally.states_compared:,}"
    yield "mismatched", f"{tally.mismatched:,}"
    for group in evidence.groups[:_SHOWN_REASONS]:
        if group.verdict is Verdict.MISMATCH:
            yield (
                "",
                f"{group.n:,} x {group.change} at {group.path or '(document)'} in {group.shape}",
            )
    for verdict in (Verdict.GATEWAY_ERROR, Verdict.UNSUPPORTED, Verdict.TIMEOUT):
        yield from _inventory(evidence, verdict)
    yield from _inventory(evidence, Verdict.NOT_COMPARABLE)
    yield "answered differently once, then alike", f"{_count(evidence, Verdict.TRANSIENT):,}"
    yield "lost or dropped before verification", f"{tally.dropped:,}"
    yield "collections", f"{len(evidence.collections):,}"
    yield "in relational tables", f"{mapped:,}"
    yield "verifier", _caught_up(drained_s)
    yield "result", evidence.conclusion.result.value
    for reason in evidence.conclusion.reasons:
        yield "", reason


def _inventory(evidence: Evidence, verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield verdict.value.replace("_", " "), f"{_count(evidence, verdict):,}"
    sums: dict[str, int] = {}
    for found in evidence.reasons_for(verdict):
        sums[found.reason] = sums.get(found.reason, 0) + found.n
    for reason, n in sorted(sums.items(), key=lambda item: -item[1])[:_SHOWN_REASONS]:
        yield "", f"{n:,} x {reason}"


def _count(evidence: Evidence, verdict: Verdict) -> int:
    return evidence.tally.verdicts.get(verdict, 0)


def _caught_up(drained_s: float | None) -> str:
    if drained_s is None:
        return "did NOT catch up in time: what it had not reached is not proved"
    return f"caught up {drained_s:.1f} s after the last operation"


def print_recall(console: Console, recall: Recall) -> None:
    """Print what became of the injected defects."""
    table = Table(title="Injected defects", title_justify="left")
    for name in ("kind", "injected", "overwritten", "not comparable", "found", "missed"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, fate in recall.by_kind.items():
        table.add_row(
            kind.value,
            *map(str, (fate.injected, fate.overwritten, fate.doubted, fate.found, fate.missed)),
        )
    console.print(table)
    share = "-" if recall.share is None else f"{recall.share:.1%}"
    console.print(
        f"recall {share} ({recall.found} of {recall.observable} observable defects) · "
        f"false alarms {recall.false_alarms} of {recall.mismatches} mismatches",
        highlight=False,
    )
    for missed in recall.missed[:_SHOWN_REASONS]:
        console.print(f"  missed: {missed}", highlight=False)
    for alarm in recall.unexplained[:_SHOWN_REASONS]:
        console.print(f"  no defect explains: {alarm}", highlight=False)
