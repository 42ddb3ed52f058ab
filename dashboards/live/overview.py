"""Every collection by its phase, with a light for each gate: what the overview opens with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ledger.read import CollectionGates, Evidence, Gate, GateOutcome

Phases = Callable[[Iterable[str]], Mapping[str, tuple[str, str]]]
"""Gives what the flags say of reads and of writes, by collection."""


def in_shadow(namespaces: Iterable[str]) -> Mapping[str, tuple[str, str]]:
    """Return the phases where there are no flags."""
    return dict.fromkeys(namespaces, ("shadow", "shadow"))


_ORDER: Final = ("cutover", "gateway", "canary", "dual", "shadow", "off")
"""What has moved furthest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One collection; None for a gate that is not asked for."""

    gates: CollectionGates
    lights: tuple[GateOutcome | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRows:
    """The collections of one phase."""

    reads: str
    writes: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Columns, and the collections below them."""

    gates: tuple[Gate, ...]
    phases: tuple[PhaseRows, ...]


def overview(evidence: Evidence, phases: Phases) -> Overview:
    """Return the collections of the evidence by phase."""
    collections = evidence.gates.collections
    asked = {outcome.gate for each in collections for outcome in each.outcomes}
    gates = tuple(gate for gate in Gate if gate in asked)
    said = phases([each.namespace for each in collections])
    found: dict[tuple[str, str], list[Row]] = {}
    for each in collections:
        by_gate = {outcome.gate: outcome for outcome in each.outcomes}
        row = Row(gates=each, lights=tuple(by_gate.get(gate) for gate in gates))
        found.setdefault(said[each.namespace], []).append(row)
    return Overview(
        gates=gates,
        phases=tuple(
            PhaseRows(reads=reads, writes=writes, rows=tuple(found[reads, writes]))
            for reads, writes in sorted(found, key=_place)
        ),
    )


def _place(said: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Return where a pair of phases stands; what is said by a rule of somebody's own stands last."""
    return tuple(
        (_ORDER.index(word) if (word := each.split(" ")[0]) in _ORDER else len(_ORDER), each)
        for each in said
    )
