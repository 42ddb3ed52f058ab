"""What the ledger and the flags say of now as metrics: phases, gates, what differs, and how far jobs are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from opentelemetry.metrics import Meter

from proxy.flags.document import DEFAULT
from proxy.flags.phases import Direction
from proxy.flags.shares import Phases
from proxy.ledger.present import Present
from proxy.measures import (
    BACKFILL_CHUNKS,
    BACKFILL_DOCUMENTS,
    DIVERGENT,
    FILLING,
    GATE,
    PHASE,
    ROLL_BACKS,
    SWEEP_AGE,
    SWEEP_CHUNKS,
    SWEEP_DIFFERING,
)
from proxy.observing import Observed, observe

COLLECTION: Final = "db.collection.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What was read last."""

    present: Present
    phases: Phases


def observe_present(meter: Meter, read: Callable[[], Now | None]) -> None:
    """Report what `read` gives whenever somebody asks; nothing where it gives None, as for a ledger that does not answer."""
    observe(
        meter,
        read,
        counters={ROLL_BACKS: _roll_backs},
        gauges={
            PHASE: _phases,
            GATE: _gates,
            DIVERGENT: lambda now: _each(
                {**dict.fromkeys(now.present.namespaces, 0), **now.present.divergent}
            ),
            FILLING: _fillings,
            BACKFILL_CHUNKS: _backfill_chunks,
            BACKFILL_DOCUMENTS: lambda now: _each(
                {name: one.documents for name, one in now.present.backfills.items()}
            ),
            SWEEP_CHUNKS: _sweep_chunks,
            SWEEP_AGE: lambda now: _each(
                {
                    name: one.age_s
                    for name, one in now.present.sweeps.items()
                    if one.age_s is not None
                }
            ),
            SWEEP_DIFFERING: lambda now: _each(
                {name: one.differing for name, one in now.present.sweeps.items()}
            ),
        },
    )


def _each(values: Mapping[str, float]) -> Observed:
    for namespace, value in values.items():
        yield value, {COLLECTION: namespace}


def _phases(now: Now) -> Observed:
    for (namespace, direction), shares in now.phases.items():
        for phase, share in shares.items():
            yield (
                share,
                {
                    COLLECTION: namespace,
                    "parallax.direction": direction.value,
                    "parallax.phase": phase,
                },
            )


def _gates(now: Now) -> Observed:
    gates = now.present.standing.gates
    judged = [(each.namespace, each.outcomes) for each in gates.collections]
    for namespace, outcomes in [*judged, ("", gates.ledger)]:
        for outcome in outcomes:
            labels = {
                "parallax.gate": outcome.gate.value,
                "parallax.result": outcome.result.value,
            }
            yield 1, {COLLECTION: namespace, **labels} if namespace else labels


def _roll_backs(now: Now) -> Observed:
    # Those of which none was set back as well: the first one shows in an increase then.
    named = product(["", *now.present.namespaces], (each.value for each in Direction))
    for (namespace, direction), n in {
        **dict.fromkeys(named, 0),
        **now.present.roll_backs,
    }.items():
        yield n, {COLLECTION: namespace or DEFAULT, "parallax.direction": direction}


def _fillings(now: Now) -> Observed:
    for namespace, state in now.present.fillings.items():
        yield 1, {COLLECTION: namespace, "parallax.filling": state.value}


def _backfill_chunks(now: Now) -> Observed:
    for namespace, one in now.present.backfills.items():
        yield one.merged, {COLLECTION: namespace, "parallax.chunks": "merged"}
        yield one.left, {COLLECTION: namespace, "parallax.chunks": "left"}


def _sweep_chunks(now: Now) -> Observed:
    for namespace, one in now.present.sweeps.items():
        yield one.swept, {COLLECTION: namespace, "parallax.chunks": "swept"}
        yield one.due, {COLLECTION: namespace, "parallax.chunks": "due"}
