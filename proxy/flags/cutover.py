"""The cut-over as the flags say it: by the default, in both directions at once, and over the flags of single collections. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.flags.document import Said, said, with_flag
from proxy.flags.phases import Direction, Phase, not_built
from proxy.ledger.facts import Standing
from proxy.ledger.fillings import FillingState
from proxy.ledger.gates import Result

CUTOVER = Said(phase=Phase.CUTOVER)
SERVED = Said(phase=Phase.GATEWAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else must be known: which collections are not filled, and who may log in where."""

    fillings: Mapping[str, FillingState]
    asks_for_logins: bool
    """Whether MongoDB does, as far as the legacy URI tells."""
    users: int
    """Of the gateway's own."""


def is_cut_over(document: Mapping[str, Any]) -> bool:
    """Return whether the flags ask for the cut-over, in any direction."""
    return any(said(document, direction, "") == CUTOVER for direction in Direction)


def with_defaults(document: Mapping[str, Any], phase: Phase) -> Mapping[str, Any]:
    """Return a document whose defaults say a phase, in each direction that has it, else `shadow`."""
    for direction in Direction:
        has_it = phase is Phase.CUTOVER or not_built(direction, phase) is None
        wanted = Said(phase=phase if has_it else Phase.SHADOW)
        document = with_flag(document, direction, "", wanted)
    return document


def objections_to_cutover(
    document: Mapping[str, Any], standing: Standing, surroundings: Surroundings
) -> Iterator[str]:
    """Give what speaks against MongoDB no longer being asked."""
    names = [each.namespace for each in standing.gates.collections]
    if not names:
        yield "nothing was verified"
    yield from _not_served(document, names)
    for namespace, state in sorted(surroundings.fillings.items()):
        if state is not FillingState.COMPLETE:
            yield f"{namespace}: the gateway lacks documents from before the sidecar: `parallax backfill`"
    for collection in standing.gates.collections:
        for outcome in collection.outcomes:
            if outcome.result is not Result.PASS:
                yield f"{collection.namespace}: gate {outcome.gate}: {outcome.found}, wanted: {outcome.wanted}"
    for outcome in standing.gates.ledger:
        if outcome.result is not Result.PASS:
            yield f"gate {outcome.gate}: {outcome.found}, wanted: {outcome.wanted}"
    if surroundings.asks_for_logins and not surroundings.users:
        yield "MongoDB asks for logins and the gateway has no users: `parallax gateway users add`"


def _not_served(document: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for namespace in names:
        for direction in Direction:
            holds = said(document, direction, namespace)
            if holds != SERVED:
                yield f"{namespace}: {direction} are in {holds}, not in {Phase.GATEWAY}"
