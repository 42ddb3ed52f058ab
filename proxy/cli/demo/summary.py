"""What came out of a demonstration, on one screen."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from comparators.verdict import Verdict
from proxy.cli.demo.recall import Recall
from proxy.cli.demo.rollouts import ARRIVES, SET_BACK, RolledOut
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


def print_rollouts(console: Console, found: RolledOut) -> None:
    """Print how two collections were moved, and what became of the reads that the gateway was to answer."""
    table = Table(title="Rolled out", title_justify="left")
    for name in ("when", "collection", "change", "who", "why"):
        table.add_column(name)
    for each in found.changes:
        when = datetime.fromtimestamp(each.at_ns / 1e9, UTC).astimezone()
        change = f"{each.before} → {each.after}"
        table.add_row(f"{when:%H:%M:%S}", each.namespace, change, each.who, each.why)
    console.print(table)
    reads = dict(found.reads)
    served = reads.pop("served", 0)
    rest = ", ".join(f"{name} {n:,}" for name, n in reads.items() if n)
    console.print(f"reads that the gateway answered {served:,} · MongoDB instead: {rest or 'none'}")
    console.print(f"{ARRIVES} " + ("arrived at 100 %" if found.arrived else "did NOT arrive"))
    if found.set_back and found.set_back_s is not None:
        told = f"was set back {found.set_back_s * 1e3:.0f} ms after the verdict"
    else:
        told = "was NOT set back"
    console.print(f"{SET_BACK} {told}", highlight=False)
