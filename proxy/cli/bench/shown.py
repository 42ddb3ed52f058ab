"""What a run found, as the page and the terminal show it."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from dashboards.bench.page import BenchPage, ChangeRow, Estimate, LoadPart, TargetRow
from dashboards.report import words
from proxy.jobs.bench.comparing import BETTER, CONTROL, WORSE, Compared, absolute, relative
from proxy.jobs.bench.figures import Measure, figures_of, latency
from proxy.jobs.bench.history import Benchmark, Measured
from proxy.jobs.bench.intervals import Interval, geometric_mean, mean
from proxy.jobs.bench.measuring import LATE_MATTERS
from proxy.ledger.read import Quantiles

_MEDIAN = latency("p50")
_PASS, _FAIL, _INCONCLUSIVE = "pass", "fail", "inconclusive"


def page_of(found: Benchmark, changes: Sequence[Compared] | None) -> BenchPage:
    """Return a run, and how it compares with an earlier one; None without one."""
    loads = dict.fromkeys(one.load for one in found.measured)
    headline, result = _conclusion(found, changes)
    return BenchPage(
        headline=headline,
        result=result,
        remarks=tuple(_remarks(found, changes)),
        made_at=found.made_at,
        about=found.about,
        source=found.source,
        rounds=len(found.measured[0].rounds),
        warm_up=found.warm_up,
        operations=found.operations,
        left_out=found.left_out,
        absent=found.absent,
        loads=tuple(
            LoadPart(
                load=load,
                rows=tuple(_row(found, one) for one in found.measured if one.load == load),
            )
            for load in loads
        ),
        changes=None if changes is None else tuple(_change(each) for each in changes),
    )


def is_void(found: Benchmark) -> bool:
    """Return whether somewhere every single operation failed: such figures say nothing."""
    return any(
        sum(each.failures.values()) >= each.n for one in found.measured for each in one.rounds
    )


def worse_of(changes: Sequence[Compared]) -> list[Compared]:
    """Return the changes for the worse that are not the machine's."""
    return [each for each in changes if each.decides and each.finding in WORSE]


def _conclusion(found: Benchmark, changes: Sequence[Compared] | None) -> tuple[str, str]:
    if is_void(found):
        return "Somewhere every operation failed: these figures say nothing.", _INCONCLUSIVE
    if changes is None:
        return _spread(found), _PASS
    deciding = [each for each in changes if each.decides]
    if not deciding:
        return "Nothing can be compared with the earlier run.", _INCONCLUSIVE
    worse = worse_of(changes)
    if worse:
        first = worse[0]
        told = (
            f"{words.plural(len(worse), 'figure')} got worse, first {first.target} at {first.load}, "
            f"{first.figure}: {words.ratio(first.change.ratio.value)} of the earlier run."
        )
        return told, _FAIL
    better = sum(each.finding in BETTER for each in deciding)
    told = f", {better} better" if better else ""
    return f"No figure of {len(deciding)} got worse{told}.", _PASS


def _spread(found: Benchmark) -> str:
    first = found.measured[0].load
    parts = [
        f"{one.target} {words.duration(geometric_mean(absolute(one.rounds, _MEDIAN)).value)}"
        for one in found.measured
        if one.load == first
    ]
    return f"Median at {first}: {', '.join(parts)}."


def _remarks(found: Benchmark, changes: Sequence[Compared] | None) -> list[str]:
    remarks = []
    if any(not each.decides and each.finding in WORSE | BETTER for each in changes or ()):
        remarks.append(
            "The direct way changed as well: the machine or MongoDB is not what it was, and only multiples of it are comparable."
        )
    late = [
        one
        for one in found.measured
        if any(
            (each.late_s or 0) > LATE_MATTERS * each.quantiles_s[_MEDIAN.of] for each in one.rounds
        )
    ]
    if late:
        remarks.append(
            "The machine that made the load was too busy to send in time: latencies at a set rate are partly its own."
        )
    if len(found.measured[0].rounds) < 3:
        remarks.append("With fewer than three rounds, intervals are wide or open.")
    return remarks


def _row(found: Benchmark, one: Measured) -> TargetRow:
    control = found.find(CONTROL, one.load)
    is_set_against = control is not None and one.target != CONTROL
    added = ratio = None
    if control is not None and is_set_against:
        pairs = zip(absolute(one.rounds, _MEDIAN), absolute(control.rounds, _MEDIAN), strict=True)
        added = _estimate(mean([mine - theirs for mine, theirs in pairs]))
        ratio = _estimate(geometric_mean(relative(found, one, _MEDIAN)))
    failures: Counter[str] = Counter()
    for each in one.rounds:
        failures.update(each.failures)
    late = [each.late_s for each in one.rounds if each.late_s is not None]
    return TargetRow(
        target=one.target,
        quantiles={
            figure.of: _estimate(geometric_mean(absolute(one.rounds, figure)))
            for figure in figures_of(one.rounds)
            if figure.measure is Measure.LATENCY
        },
        added=added,
        ratio=ratio,
        per_s=_estimate(geometric_mean([each.per_s for each in one.rounds])),
        n=sum(each.n for each in one.rounds),
        failures=dict(failures.most_common()),
        late_s=max(late, default=None),
        cpu_s={
            part: median(each.cpu_s.get(part, 0.0) for each in one.rounds)
            for part in one.rounds[0].cpu_s
        },
        memory_bytes={
            part: round(median(each.memory_bytes.get(part, 0) for each in one.rounds))
            for part in one.rounds[0].memory_bytes
        },
        grown_bytes={
            part: round(median(each.grown_bytes.get(part, 0) for each in one.rounds))
            for part in one.rounds[0].grown_bytes
        },
        distribution=_distribution(one),
    )


def _distribution(one: Measured) -> Quantiles:
    n = sum(count for _, count in one.buckets)
    p50, p95, p99 = (_quantile(one, n, q) for q in (0.5, 0.95, 0.99))
    return Quantiles(n=n, p50_s=p50, p95_s=p95, p99_s=p99, buckets=one.buckets)


def _quantile(one: Measured, n: int, q: float) -> float:
    passed, value = 0, 0.0
    for value, count in one.buckets:  # noqa: B007 - the last one is the answer, too
        passed += count
        if passed > q * (n - 1):
            break
    return value


def _change(each: Compared) -> ChangeRow:
    return ChangeRow(
        target=each.target,
        load=each.load,
        figure=str(each.figure),
        basis=each.basis,
        ratio=_estimate(each.change.ratio),
        p=each.p,
        finding=each.finding.value if each.decides else f"{each.finding.value} (decides nothing)",
        is_alarm=each.decides and each.finding in WORSE,
    )


def _estimate(found: Interval) -> Estimate:
    return Estimate(value=found.value, low=found.low, high=found.high)
