"""For which share of the connections each phase of a collection holds, as far as the flags themselves say it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from proxy.flags.document import EMPTY, WHOLE, Said, key_of, said
from proxy.flags.phases import Direction, Phase

TARGETING: Final = "targeting"
"""In place of a phase, where a flag looks at more than the connection."""

Shares = Mapping[str, float]
"""By phase; together they are 1."""
Phases = Mapping[tuple[str, Direction], Shares]
"""By collection and direction."""


def phases_of(
    namespaces: Iterable[str], document: Mapping[str, Any] = EMPTY, *, is_through: bool = False
) -> Phases:
    """Return the phases that a flags file gives to collections; `is_through` once everybody has cut over."""
    return {
        (namespace, direction): (
            {Phase.CUTOVER.value: 1.0}
            if is_through
            else _shares(said(document, direction, namespace))
        )
        for namespace in namespaces
        for direction in Direction
    }


def phases_served(namespaces: Iterable[str], served: Mapping[str, Said]) -> Phases:
    """Return the phases that the relay goes by for another provider's flags.

    Only those in which the gateway answers or is waited for are known; all others are `shadow`, also what is `off`.
    """
    shadow = Said(phase=Phase.SHADOW)
    return {
        (namespace, direction): _shares(served.get(key_of(direction, namespace), shadow))
        for namespace in namespaces
        for direction in Direction
    }


def _shares(holds: Said) -> Shares:
    if holds.phase is None:
        return {TARGETING: 1.0}
    shares: dict[str, float] = {}
    for phase, percent in ((holds.phase, holds.percent), (holds.otherwise, WHOLE - holds.percent)):
        if percent:
            # Before anybody has crossed, the cut-over is what `gateway` is.
            name = Phase.GATEWAY.value if phase is Phase.CUTOVER else phase.value
            shares[name] = shares.get(name, 0.0) + percent / WHOLE
    return shares
