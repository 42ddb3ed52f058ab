"""What speaks against a change of a flag, by the evidence. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.flags.document import Said
from proxy.flags.phases import BEYOND_SHADOW, Phase
from proxy.ledger.fillings import FillingState
from proxy.ledger.gates import Gate, GateOutcome, Result, span

MAX_SILENT_S: Final = 60.0
"""A verifier writes each second: one that has not for so long is gone, and nothing would be set back."""
MOST_NAMED: Final = 5
"""Of what is not supported; the report has all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """The evidence on one collection: its gates and those of the ledger.

    `gates` is empty where nothing of the collection was seen; `filling` is None for one that began empty.
    """

    gates: tuple[GateOutcome, ...]
    filling: FillingState | None
    verified: int
    silent_s: float | None
    """How long ago a verifier last wrote; None if none ever has."""
    unsupported: Sequence[str] = ()
    """What of its traffic the gateway does not support, each with its shape."""


def objections(before: Said, after: Said, *, namespace: str, grounds: Grounds) -> Iterator[str]:
    """Give what speaks against a change: nothing ever does against the gateway answering less, or being waited for less."""
    if after.phase not in BEYOND_SHADOW or _is_less(before, after):
        return
    yield from against(namespace, grounds)


def against(namespace: str, grounds: Grounds) -> Iterator[str]:
    """Give what speaks against the gateway answering for a collection, whether it does already or not."""
    if not namespace:
        yield "evidence is of single collections, and the default is of all"
        return
    if grounds.filling not in {None, FillingState.COMPLETE}:
        yield "the gateway lacks documents from before the sidecar: `parallax backfill`"
    if grounds.silent_s is None or grounds.silent_s > MAX_SILENT_S:
        for_s = "" if grounds.silent_s is None else f" for {span(grounds.silent_s)}"
        yield f"no verifier has written{for_s}: nothing would set it back"
    if not grounds.gates:
        yield "nothing of it was verified"
    for outcome in grounds.gates:
        if outcome.result is not Result.PASS:
            missing = f", missing: {outcome.missing}" if outcome.missing else ""
            yield f"gate {outcome.gate}: {outcome.found}, wanted: {outcome.wanted}{missing}"
            if outcome.gate is Gate.UNSUPPORTED:
                yield from (f"unsupported: {each}" for each in grounds.unsupported[:MOST_NAMED])


def _is_less(before: Said, after: Said) -> bool:
    """Return whether the gateway answered at least as many before, or all that is to wait for it did."""
    if before.phase is Phase.DUAL and after.phase is not Phase.DUAL:
        return False
    return before.phase in BEYOND_SHADOW and before.percent >= after.percent
