"""Progress for people: a table that moves on a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from comparators.verdict import Verdict
from proxy.cli.demo.watch import Moment
from proxy.ledger.evidence import Latency, Quantiles

Show = Callable[[Moment], None]

_LINE_EVERY_S: Final = 5.0
_SIDES: Final = (
    ("MongoDB (legacy)", "legacy"),
    ("PostgreSQL (gateway)", "gateway"),
    ("added by the proxy", "overhead"),
)
_QUIET: Final = frozenset({Verdict.MATCH, Verdict.MATCH_BY_RULE})


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """Give what shows a moment."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda moment: live.update(_screen(moment), refresh=True)


class _Lines:
    """One line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0

    def __call__(self, moment: Moment) -> None:
        if moment.elapsed_s < self._next_s:
            return
        self._next_s = moment.elapsed_s + _LINE_EVERY_S
        self._console.print(_line(moment), soft_wrap=True, highlight=False)


def _line(moment: Moment) -> str:
    parts = [
        f"{moment.elapsed_s:4.0f} s",
        moment.phase.value,
        f"{moment.operations:,} operations ({moment.per_s:,.0f}/s)",
        f"{_verified(moment):,} verified",
        _mismatches(moment),
        f"lag {_lag(moment)}",
    ]
    parts += [f"reads of {namespace}: {what}" for namespace, what in moment.flags.items()]
    if moment.status is not None:
        latency = moment.status.latency
        parts += [
            f"{label} p50/p95/p99 {'/'.join(quantiles_of(getattr(latency, side)))} ms"
            for label, side in _SIDES
        ]
    return " · ".join(parts)


def _screen(moment: Moment) -> Group:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("operations", f"{moment.operations:,}  ({moment.per_s:,.0f}/s)")
    table.add_row("verified", f"{_verified(moment):,}  ({moment.verified_per_s:,.0f}/s)")
    table.add_row("mismatches", Text(_mismatches(moment), style=_colour(moment)))
    for verdict, n in _others(moment):
        table.add_row("", f"{n:,} {verdict.value}")
    table.add_row("verifier lag", _lag(moment))
    for namespace, what in moment.flags.items():
        table.add_row(namespace, f"reads: {what}")
    heading = Text(f"{moment.elapsed_s:4.0f} s  {moment.phase.value}", style="bold cyan")
    if moment.status is None:
        return Group(heading, table)
    return Group(heading, table, latency_table(moment.status.latency))


def latency_table(latency: Latency) -> Table:
    """Return both paths and what the proxy added, in milliseconds."""
    table = Table(box=None, pad_edge=False)
    table.add_column("latency, ms", style="bold")
    for name in ("p50", "p95", "p99"):
        table.add_column(name, justify="right")
    for label, side in _SIDES:
        table.add_row(label, *quantiles_of(getattr(latency, side)))
    return table


def quantiles_of(quantiles: Quantiles | None) -> tuple[str, str, str]:
    """Return three durations in milliseconds; dashes where nothing was timed."""
    if quantiles is None:
        return "-", "-", "-"
    p50, p95, p99 = quantiles.p50_s, quantiles.p95_s, quantiles.p99_s
    return f"{p50 * 1e3:.3f}", f"{p95 * 1e3:.3f}", f"{p99 * 1e3:.3f}"


def _verified(moment: Moment) -> int:
    return 0 if moment.status is None else moment.status.tally.verified


def _mismatches(moment: Moment) -> str:
    total = 0 if moment.status is None else moment.status.tally.mismatched
    classes = ", ".join(f"{change} {n:,}" for change, n in moment.changes.most_common())
    return f"{total:,} mismatched" + (f" ({classes})" if classes else "")


def _colour(moment: Moment) -> str:
    return "red" if moment.status is not None and moment.status.tally.mismatched else "green"


def _others(moment: Moment) -> Iterator[tuple[Verdict, int]]:
    if moment.status is None:
        return
    for verdict, n in moment.status.tally.verdicts.items():
        if n and verdict not in _QUIET and verdict is not Verdict.MISMATCH:
            yield verdict, n


def _lag(moment: Moment) -> str:
    beats = () if moment.status is None else moment.status.heartbeats
    operations = sum(beat.lag_operations for beat in beats)
    seconds = max((beat.lag_s for beat in beats), default=0.0)
    return f"{operations:,} operations, {seconds:.1f} s"
