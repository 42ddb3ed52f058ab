"""What speaks against a change of a flag, by the evidence. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.flags.document import Said
from proxy.flags.phases import BEYOND_SHADOW, Phase
from proxy.ledger.fillings import FillingState
from proxy.ledger.gates import GateOutcome, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """The evidence on one collection: its gates and those of the ledger.

    `gates` is empty where nothing of the collection was seen; `filling` is None for one that began empty.
    """

    gates: tuple[GateOutcome, ...]
    filling: FillingState | None


def objections(before: Said, after: Said, *, namespace: str, grounds: Grounds) -> Iterator[str]:
    """Give what speaks against a change: nothing ever does against the gateway answering less, or being waited for less."""
    if after.phase not in BEYOND_SHADOW or _is_less(before, after):
        return
    if not namespace:
        yield "evidence is of single collections, and the default is of all"
        return
    if grounds.filling not in {None, FillingState.COMPLETE}:
        yield "the gateway lacks documents from before the sidecar: `parallax backfill`"
    if not grounds.gates:
        yield "nothing of it was verified"
    for outcome in grounds.gates:
        if outcome.result is not Result.PASS:
            missing = f", missing: {outcome.missing}" if outcome.missing else ""
            yield f"gate {outcome.gate}: {outcome.found}, wanted: {outcome.wanted}{missing}"


def _is_less(before: Said, after: Said) -> bool:
    """Return whether the gateway answered at least as many before, or all that is to wait for it did."""
    if before.phase is Phase.DUAL and after.phase is not Phase.DUAL:
        return False
    return before.phase in BEYOND_SHADOW and before.percent >= after.percent
